"""Other people's engines behind `VectorStore`, and `VectorStore` behind other people's interfaces.

`EngineStore` is the store; `qdrant_edge`, `qdrant_server` and `postgres` are what it may stand on;
`langchain` puts any store behind LangChain. Each needs an optional package, imported when used.
"""
