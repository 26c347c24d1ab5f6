"""An agent of LangChain 1.x that remembers each of its users, across threads."""

from langchain.agents import create_agent

from memoryos import Engine
from memoryos_integrations.langchain import MemoryOSMiddleware

engine = Engine.open("sqlite:///memories.db")
agent = create_agent("openai:gpt-4o-mini", middleware=[MemoryOSMiddleware(engine)])
config = {"configurable": {"user_id": "tom", "thread_id": "monday"}}
said = {"messages": [{"role": "user", "content": "My cat is called Minka."}]}
print(agent.invoke(said, config)["messages"][-1].text)
