"""`python -m memoryos` is the command `memoryos`."""

from memoryos.frontends.cli import main

if __name__ == "__main__":
    main()
