"""Brings in what others have remembered: dialogues, the published package's data, mem0's memories.

    with Engine.open("sqlite:///memories.db") as engine:
        report = import_file(engine, "chat.jsonl", user_id="tom")

One module for each format. Every import is safe to run again: what is there already is not stored
twice. What is damaged is reported, and the rest imported.
"""

from memoryos.frontends.importers.importer import FORMATS, detect, import_file
from memoryos.frontends.importers.turns import Problem, Report

__all__ = ["FORMATS", "Problem", "Report", "detect", "import_file"]
