"""Note each edit with the package cchooks: the comparison in `benchmarks.client`."""

import sys

from cchooks import create_context  # type: ignore[import-not-found]

context = create_context()
with open(sys.argv[1], "a") as file:
    file.write(f"{context.tool_name} {context.tool_input.get('file_path')}\n")
context.output.exit_success()
