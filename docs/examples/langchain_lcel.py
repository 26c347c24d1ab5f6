"""A chain that answers from what the user once said, in whatever session."""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_openai import ChatOpenAI

from memoryos import Engine
from memoryos_integrations.langchain import MemoryOSRetriever

memories = MemoryOSRetriever(Engine.open("sqlite:///memories.db"), user_id="tom", k=4)
prompt = ChatPromptTemplate.from_template("Memories: {memories}\nQuestion: {question}")
inputs = {"memories": memories, "question": RunnablePassthrough()}
chain = inputs | prompt | ChatOpenAI(model="gpt-4o-mini") | StrOutputParser()
print(chain.invoke("What is my cat called?"))
