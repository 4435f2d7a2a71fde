"""Drive the engine: send its requests through the gate, and give it the answers.

The flusher and the library's client differ only in what sends: the flusher a thread for each
service (see `lib.delivery.dispatch`), the client `drive_async`.
"""

from collections.abc import Awaitable, Callable

from lib.delivery.answers import Answer, Failed, Verdict
from lib.delivery.engine import Engine
from lib.delivery.gate import Circuit
from lib.delivery.parcels import Outcome, Request, Steps
from lib.delivery.wire import Body


def supervised(
    engine: Engine, steps: Steps, gate: Circuit, settle: Callable[[Outcome], None]
) -> Steps:
    """Yield those requests of `steps` that `gate` lets through; call `settle` with each outcome.

    Raises Failed for the first that it does not let through, and for a failure of the service.
    """
    answers: list[Answer] | None = None
    try:
        while True:
            try:
                request = next(steps) if answers is None else steps.send(answers)
            except StopIteration:
                return
            finally:
                settle(engine.outcome())
            refusal = gate.enter()
            if refusal:
                raise Failed(Answer(Verdict.UNWELL, refusal))
            answers = yield request
            gate.answered(engine.health(request, answers), len(request.bodies))
    finally:
        gate.leave()


async def drive_async(
    steps: Steps, send: Callable[[list[Body], bool], Awaitable[list[Answer]]]
) -> None:
    """Send what `steps` yield, and give them the answers. Raises what they raise."""
    try:
        request: Request = next(steps)
        while True:
            request = steps.send(await send(*request))
    except StopIteration:
        pass
    finally:
        steps.close()
