"""`python -m memoryos_integrations.mcp` is the command `memoryos-mcp`."""

from memoryos_integrations.mcp.cli import main

if __name__ == "__main__":
    main()
