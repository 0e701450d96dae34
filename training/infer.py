"""
Inference: answers with the newest published model, and says how well and how fast.

What it answers are the test images, in batches, round and round, or, with `http`, what clients send. It waits for the
first model and takes newer ones between two batches. Models before their training's last may use half of the service's
time; the other half is kept for the last one, so that no service ends without having served it. Test images wait
meanwhile; clients are answered all the same, in time that does not count.

On SIGTERM it accepts nothing more, answers what it has accepted, and tells its figures. Its time is what was spent on
answers; that of a service over HTTP, all since the first model. Loading and warming up are in no latency.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from training.contract import DATA_FOLDER, HTTP_PORT, Orders, say
from training.device import Device, find
from training.images import Images, load
from training.inbox import Inbox
from training.lookout import Found, Lookout
from training.published import Shelf
from training.server import Server
from training.sources import Clients, HeldOut, Source
from training.store import Folder
from training.tally import Tally
from training.train import learn, new

FOR_EARLY_MODELS = 0.5
"""Part of the service's seconds and requests that models before the last may use."""
LOOK_SECONDS = 1.0
"""Between two looks for a newer model."""
IDLE_SECONDS = 0.25
"""With nothing to do it looks up so often: for a request or a model, whether its time is over or it is told to end."""
LINE_SECONDS = 5.0
"""Between two lines about the answers so far."""
LAST_SECONDS = 30.0
"""Half of a pod's grace: so long at most a client may take over a request that it has begun when the service ends."""
OWN_IMAGES = 10_000
"""Without `model_from` a service first fits its own model to so many images at most, once: it need not be good."""

Move = Literal["answer", "wait", "end"]


def next_move(orders: Orders, done: Tally, *, final: bool) -> Move:
    """What a service that has a model does next, `final` being whether it is its training's last."""
    if _over(orders.seconds, _counted(orders, done)) or _over(orders.requests, done.images):
        return "end"
    after = done.images + (orders.micro_batch or orders.batch) - 1  # the whole next batch must find room in the half
    early = _over(orders.seconds * FOR_EARLY_MODELS, done.seconds) or _over(orders.requests * FOR_EARLY_MODELS, after)
    return "wait" if early and not final and not orders.http else "answer"


def infer(orders: Orders, stop: Callable[[], bool]) -> bool:
    """Serve until the orders' seconds or requests are over; False when stopped before."""
    device = find(orders)
    say("event", event="started", **device.facts())
    test = load(Path(DATA_FOLDER), "test", device.torch)
    with _source(orders, test) as source:
        if not orders.model_from:
            _fit_own(orders, device, stop)
        shelf = Shelf(Folder(orders.model_from or orders.folder))
        server = Server(orders, source, test, device)
        say("event", event="waiting", models=str(shelf))
        lookout = Lookout(shelf, device.torch, every=LOOK_SECONDS)
        finished = serve(server, lookout.newest, stop)
        finish(server, source)
    say("result", finished=finished, **server.figures())
    return finished


def serve(server: Server, newest: Callable[[], Found | None], stop: Callable[[], bool]) -> bool:
    """Between two batches take what is newer; until the server has done its part, or is stopped."""
    line = time.monotonic()
    while not stop():
        if not server.readying and (found := newest()):
            server.take(*found)
        if (now := time.monotonic()) >= line:
            say("step", **_progress(server.orders, server.tally))
            line = now + LINE_SECONDS
        move = next_move(server.orders, server.tally, final=server.final) if server.has_model else "wait"
        if move == "end":
            return True
        server.ready()
        if move == "answer":
            server.answer(patience=0 if server.readying else IDLE_SECONDS)
        elif not server.readying:
            time.sleep(IDLE_SECONDS)
    return False


def finish(server: Server, source: Source) -> None:
    """Answer what has been accepted, and accept nothing more."""
    source.close_door()
    end = time.monotonic() + LAST_SECONDS
    while not source.quiet() and time.monotonic() < end:
        server.answer(patience=IDLE_SECONDS / 10)


@contextmanager
def _source(orders: Orders, test: Images) -> Iterator[Source]:
    if not orders.http:
        yield HeldOut(test, orders.requests)
        return
    from training.endpoint import App, Endpoint  # waitress is for those alone who have clients

    torch.backends.cudnn.benchmark = False  # clients' batches have any size, and each would be tried out anew
    inbox = Inbox()
    rows, columns = test.pixels.shape[2:]
    endpoint = Endpoint(App(inbox, (rows, columns)), orders.pod_ip, HTTP_PORT)
    say("event", event="listening", address=endpoint.address)
    try:
        yield Clients(inbox, endpoint, like=test.pixels)
    finally:
        inbox.close()
        endpoint.close()


def _fit_own(orders: Orders, device: Device, stop: Callable[[], bool]) -> None:
    """Publish a small model of the service's own, for want of another."""
    own = replace(orders, epochs=1, augment=False, train_images=min(orders.train_images, OWN_IMAGES))
    say("event", event="fitting", why="no model_from", model=own.model, train_images=own.train_images)
    learn(new(own, device), stop)


def _progress(orders: Orders, done: Tally) -> dict[str, object]:
    """Where the service is."""
    parts = (
        _counted(orders, done) / orders.seconds if orders.seconds else 0.0,
        done.images / orders.requests if orders.requests else 0.0,
    )
    return {"progress": min(1.0, max(parts)), "images": done.images, "images_per_second": done.images_per_second}


def _counted(orders: Orders, done: Tally) -> float:
    """Seconds that count of those that were ordered: of the early models', no more than their part."""
    return done.seconds - max(0.0, done.early_seconds - FOR_EARLY_MODELS * orders.seconds)


def _over(limit: float, used: float) -> bool:
    return 0 < limit <= used
