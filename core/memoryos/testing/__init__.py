"""For tests of programs that use this library, and of stores, embedders and models for it.

Import from the files: `memoryos.testing.openai_server` (a scriptable model endpoint) and the
contract classes beside it, which need pytest.
"""
