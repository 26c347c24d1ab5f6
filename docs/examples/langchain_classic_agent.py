"""An agent of langchain-classic that remembers: pass MemoryOS as memory=."""

from langchain_classic.agents import AgentType, initialize_agent
from langchain_openai import ChatOpenAI

from memoryos import Engine
from memoryos_integrations.langchain import MemoryOSChatMemory

engine = Engine.open("sqlite:///memories.db")
memory = MemoryOSChatMemory(engine, user_id="tom", session_id="monday", memory_key="chat_history")
kind = AgentType.CONVERSATIONAL_REACT_DESCRIPTION
agent = initialize_agent([], ChatOpenAI(model="gpt-4o-mini"), agent=kind, memory=memory)
print(agent.invoke({"input": "My cat is called Minka."})["output"])
