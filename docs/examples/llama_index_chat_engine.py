"""A LlamaIndex chat that knows on Tuesday what was said on Monday."""

from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM  # repeats what it is shown; any other LLM will do

from memoryos_integrations.llama_index import MemoryOSMemory

for day, said in ("monday", "My dog is called Biscuit"), ("tuesday", "What is my dog called?"):
    memory = MemoryOSMemory(storage_uri="sqlite:///memories.db", user_id="tom", session_id=day)
    chat = SimpleChatEngine.from_defaults(llm=MockLLM(), memory=memory)
    print(chat.chat(said))
