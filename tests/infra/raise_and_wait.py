"""A pipeline of its own that raises a stack, to be killed while it does: `raise_and_wait.py < JSON`."""

import json
import sys

from infra import stacks
from infra.backend import Backend
from infra.gpu_nodes import Cut, GpuNodesArgs, program

said = json.load(sys.stdin)
args = GpuNodesArgs(**{**said["args"], "cuts": tuple(Cut(**cut) for cut in said["args"]["cuts"])})
backend = Backend(**said["backend"])
stacks.raise_stack(backend, said["stack"], program(args), region="us-east-1", tell=lambda _: None)
