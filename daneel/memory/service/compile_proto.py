"""Compile `memory.proto` into `memory.desc`: `python -m daneel.memory.service.compile_proto`.

The descriptor is shipped as package data, so that nobody needs a compiler and no generated Python
is kept. A test compiles again and compares.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
DESCRIPTOR = FOLDER / "memory.desc"


def compile_proto() -> bytes:
    """The serialized `FileDescriptorSet` of `memory.proto`.

    Raises:
        RuntimeError: The file does not compile; the compiler's words are on stderr.
    """
    from grpc_tools import protoc  # only needed by those who change the file

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "memory.desc")
        arguments = ["protoc", f"-I{FOLDER}", f"--descriptor_set_out={target}", "memory.proto"]
        if protoc.main(arguments):
            raise RuntimeError("memory.proto does not compile. See the lines above.")
        return target.read_bytes()


if __name__ == "__main__":
    DESCRIPTOR.write_bytes(compile_proto())
    sys.stdout.write(f"wrote {DESCRIPTOR}\n")
