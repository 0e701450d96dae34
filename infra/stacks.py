"""
The Pulumi engine, driven from one place: preview a stack, raise it, read it, refresh it, destroy it whole.

A stack is a name and a program; where engine, state and providers are is told by a `Backend`. Every call works from an
empty folder of its own: what a stack is stands in its state alone, so that a teardown started anywhere else finds it
there. What the engine says of a failure is translated here, by event and by AWS's code (infra.diagnosis).
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from pulumi import automation

from infra.backend import Backend
from infra.diagnosis import Listener, Progress, lock_owner, owner_lives
from infra.recovery import Identify, State, failed, interrupted, owned, settled
from mig.changes import Changes
from mig.errors import Failed, Temporary

Program = Callable[[], None]
Tell = Callable[[str], None]
Result = TypeVar("Result")


def preview(backend: Backend, name: str, program: Program, *, region: str) -> Changes:
    """
    What raising the stack would change. Leaves no trace: a stack that is not there is not made either.

    Raises Failed when the program declares what cannot be.
    """
    with _imagined(backend, name, program, region) as stack:
        return _previewed(stack, **_asked(backend))


def raise_stack(
    backend: Backend,
    name: str,
    program: Program,
    *,
    region: str,
    tell: Tell,
    progress: Progress = Progress(),  # noqa: B008 (a frozen value)
    foresee: Callable[[Changes], None] | None = None,
) -> dict[str, Any]:
    """
    Make the stack be what the program declares, and return its outputs.

    What failed when it was made is deleted first: as its inputs are the same, the engine would let it be, and call it
    made. (`up(replace=...)` would create the new one first, under a name that is taken.) Who wants to foresee is told
    then what will be changed, and progress counts to it. Raises Failed when a resource cannot be made; what was made
    until then stays in the state, to be destroyed.
    """
    with (
        _made(backend, name, program, region) as (stack, is_new),
        _listening(progress, tell) as listener,
    ):
        if not is_new:
            _clear(stack, progress.phase, tell)
        if foresee:
            foreseen = _previewed(stack)
            foresee(foreseen)
            listener.progress = replace(progress, of=len(foreseen.changes))
        done = _unlocked(stack, lambda: stack.up(on_event=listener.hear, **_asked(backend), **_QUIET))
    return {output: value.value for output, value in done.outputs.items()}


def recover(backend: Backend, name: str, *, identify: Identify, tell: Tell) -> None:
    """
    Put right what an engine that was killed has left: its lock, and what it had begun to create.

    A stack that nothing happened to, or that is not there, is let be. Raises Temporary when an engine that lives is at
    work on it.
    """
    try:
        with _stack(backend, name) as stack:
            before = _state(stack)
            if not interrupted(before):
                return
            tell(f"stack {name} was left in the middle of something: putting it right")
            after = settled(before, identify)
            if _state(stack) != before:
                raise Temporary(f"stack {name} is being changed by another engine", delay=_LOCKED_DELAY)
            _unlocked(stack, lambda: stack.import_stack(automation.Deployment(version=3, deployment=dict(after))))
    except automation.StackNotFoundError:
        return


def refresh(backend: Backend, name: str, *, tell: Tell) -> Changes:
    """
    Look at everything that the stack has, and keep in its state what is true. What changed outside is returned.

    Raises Failed when something of the stack failed when it was made: looked at anew, it would pass for made.
    """
    with _stack(backend, name) as stack, _listening(Progress(phase="refresh"), tell) as listener:
        if failed(_state(stack)):
            raise Failed("refresh", f"stack {name} holds what failed when it was made: raise it again, or destroy it")
        _unlocked(stack, lambda: stack.refresh(on_event=listener.hear, **_QUIET))
    return listener.heard()


def outputs(backend: Backend, name: str) -> dict[str, Any]:
    """What the stack gave when it was raised; nothing for a stack that is not there."""
    try:
        with _stack(backend, name) as stack:
            return {output: value.value for output, value in stack.outputs().items()}
    except automation.StackNotFoundError:
        return {}


def names(backend: Backend) -> tuple[str, ...]:
    """All stacks of the project that the state knows, whoever raised them."""
    with _workspace(backend) as options:
        return tuple(stack.name for stack in automation.LocalWorkspace(**vars(options)).list_stacks())


def destroy(backend: Backend, name: str, *, tell: Tell, show: Callable[[float], None] = lambda _: None) -> None:
    """
    Delete everything of the stack, then the stack. One that is not there is gone already.

    What an engine that was killed had begun to create is forgotten, not deleted: the state cannot know it. Who sweeps
    finds it by its name and its tags. Raises Failed when something could not be deleted, Temporary when somebody else
    is at work on the stack.
    """
    try:
        with _stack(backend, name) as stack, _listening(Progress(phase="teardown"), tell) as listener:
            state = _state(stack)
            listener.progress = replace(listener.progress, of=owned(state), show=show)
            if interrupted(state):
                _unlocked(stack, lambda: stack.refresh(on_event=listener.hear, clear_pending_creates=True, **_QUIET))
            options = {"refresh": True, "continue_on_error": True, "remove": True, **_QUIET}
            _unlocked(stack, lambda: stack.destroy(on_event=listener.hear, **options))
    except automation.StackNotFoundError:
        tell(f"stack {name} is gone")
    except automation.CommandError as error:  # whatever it was: who takes down has more to do than this stack
        said = str(error).strip().splitlines() or ["no reason given"]
        raise Failed("teardown", f"stack {name}: {said[-1]}") from error


_QUIET: dict[str, Any] = {"color": "never", "suppress_progress": True, "show_secrets": False}
_LOCKED_DELAY = 5.0


@contextmanager
def _listening(progress: Progress, tell: Tell) -> Iterator[Listener]:
    """Translate a failure of the engine by what it said on the way."""
    listener = Listener(tell=tell, progress=progress)
    try:
        yield listener
    except (automation.StackNotFoundError, automation.ConcurrentUpdateError, automation.InlineSourceRuntimeError):
        raise
    except automation.CommandError as error:
        known = listener.failure(str(error))
        if known is None:
            raise
        raise known from error


def _unlocked(stack: automation.Stack, act: Callable[[], Result]) -> Result:
    """Act; a lock whose engine is dead is taken away first, one whose engine lives is respected."""
    try:
        return act()
    except automation.ConcurrentUpdateError as error:
        owner = lock_owner(str(error))
        if owner is None or owner_lives(owner):
            raise Temporary(
                f"stack {stack.name} is locked by {owner or 'another engine'}", delay=_LOCKED_DELAY
            ) from error
    stack.cancel()
    return act()


def _previewed(stack: automation.Stack, **asked: Any) -> Changes:  # noqa: ANN401 (as the Automation API has it)
    with _listening(Progress(phase="preview"), lambda _: None) as listener:
        stack.preview(on_event=listener.hear, color="never", suppress_progress=True, **asked)
    return listener.heard()


def _clear(stack: automation.Stack, phase: str, tell: Tell) -> None:
    """Delete what failed when it was made, and what stands on it."""
    if stuck := failed(_state(stack)):
        options = {"target": stuck, "target_dependents": True, **_QUIET}
        with _listening(Progress(phase=phase), tell) as listener:
            _unlocked(stack, lambda: stack.destroy(on_event=listener.hear, **options))


def _state(stack: automation.Stack) -> State:
    return stack.export_stack().deployment or {}


@contextmanager
def _imagined(backend: Backend, name: str, program: Program, region: str) -> Iterator[automation.Stack]:
    """The stack; one that is not there is made in a state of its own, which goes with it."""
    with ExitStack() as opened:
        try:
            stack = opened.enter_context(_stack(backend, name, program=program, region=region))
        except automation.StackNotFoundError:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="mig-preview-"))
            apart = replace(backend, url=f"file://{folder}", secrets="passphrase")
            stack, _ = opened.enter_context(_made(apart, name, program, region))
        yield stack


@contextmanager
def _made(backend: Backend, name: str, program: Program, region: str) -> Iterator[tuple[automation.Stack, bool]]:
    """The stack, made where it is not there, and whether it was."""
    with _workspace(backend, name, region) as opts:
        is_new = True
        try:
            stack = automation.create_stack(name, project_name=backend.project, program=program, opts=opts)
        except (automation.StackAlreadyExistsError, automation.ConcurrentUpdateError):  # one that is locked is there
            is_new = False
            stack = automation.select_stack(name, project_name=backend.project, program=program, opts=opts)
        yield stack, is_new


@contextmanager
def _stack(
    backend: Backend, name: str, *, program: Program | None = None, region: str = ""
) -> Iterator[automation.Stack]:
    """The stack that is there. Raises StackNotFoundError."""
    with _workspace(backend, name, region) as options:
        yield automation.select_stack(name, project_name=backend.project, program=program or _nothing, opts=options)


@contextmanager
def _workspace(backend: Backend, name: str = "", region: str = "") -> Iterator[automation.LocalWorkspaceOptions]:
    """
    A folder for one call. The Automation API's own would be left behind.

    What encrypts secrets is said each time: an engine that finds nothing of it beside the program takes the passphrase,
    whatever the state says (pulumi v3.259.0, pkg/cmd/pulumi/stack/secrets.go), and would write them anew by that.
    """
    config = {"aws:region": region} if region else {}
    key = backend.secrets if "://" in backend.secrets else None
    settings = automation.StackSettings(config=config, secrets_provider=key)
    with tempfile.TemporaryDirectory(prefix="mig-pulumi-") as folder:
        yield automation.LocalWorkspaceOptions(
            work_dir=folder,
            pulumi_home=backend.home,
            pulumi_command=_engine(backend.pulumi_root),
            secrets_provider=backend.secrets,
            env_vars={
                **backend.environment,
                "PULUMI_BACKEND_URL": backend.url,
                "PULUMI_CONFIG_PASSPHRASE": backend.passphrase,
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
            project_settings=automation.ProjectSettings(
                name=backend.project, runtime="python", main=folder, backend=automation.ProjectBackend(url=backend.url)
            ),
            stack_settings={name: settings} if name else {},
        )


@lru_cache(maxsize=4)
def _engine(root: str) -> automation.PulumiCommand:
    """Asked for its version once: each question is a process."""
    return _Apart(root=root)


class _Apart(automation.PulumiCommand):
    """
    The CLI in a session of its own.

    A terminal sends Ctrl-C to everything that was started from it, and the second one would kill an engine that is
    taking the nodes down. What ends a run is decided by the run.
    """

    _LEAVE = "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"

    def __init__(self, root: str) -> None:
        super().__init__(root=root)
        self._cli, self.command = self.command, sys.executable

    def run(self, args: list[str], *rest: Any, **more: Any) -> Any:  # noqa: ANN401 (as the Automation API has it)
        """Run the CLI, as the Automation API asks for it."""
        return super().run(["-I", "-S", "-c", self._LEAVE, self._cli, "--non-interactive", *args], *rest, **more)


def _asked(backend: Backend) -> dict[str, Any]:
    return {"policy_packs": list(backend.policy_packs)}


def _nothing() -> None:
    """The program of a stack that is only looked at or taken down."""
