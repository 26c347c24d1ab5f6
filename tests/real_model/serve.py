"""llama.cpp's server with a GGUF file: serve.py MODEL PORT CONTEXT THREADS, until it is killed."""

import sys
import time

import xllamacpp

model, port, context, threads = sys.argv[1], *map(int, sys.argv[2:5])
settings = xllamacpp.CommonParams()
settings.model.path, settings.hostnames, settings.port = model, ["127.0.0.1"], port
settings.n_ctx, settings.n_parallel, settings.warmup, settings.use_jinja = context, 1, False, True
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(settings)
print("listening", server.listening_address, flush=True)
while True:
    time.sleep(3600)
