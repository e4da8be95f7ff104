"""Keeps the processes of an installation up, and ends them all.

The order is database, Prefect server, worker, session, web, and the reverse at the end. A process that dies is started again,
later each time it dies young. The supervisor itself holds no connection and no state of the trade, so that killing it loses
nothing: a guardian then ends the rest.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from deployments import guardian
from deployments.processes import Undertaker, adopt_orphans, die_with, gone, kill_descendants, last_line, rotate, write_record
from domain.errors import TradingError
from tasks.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from deployments.processes import Keepable
    from tasks.settings import Installation

ORDER: Final = ("database", "prefect", "worker", "session", "web")
RECORD: Final = "processes.json"
NOTE: Final = (sys.executable, "-m", "deployments.note")
_TICK: Final = 0.5
_HOUSEKEEPING: Final = 30.0


class Supervisor:
    """The processes of ``installation``; ``say`` gets a line for whatever a person should see."""

    def __init__(self, installation: Installation, say: Callable[[str], None]) -> None:
        self._installation = installation
        self._say = say
        self._run = secrets.token_hex(8)
        self._kept: dict[str, Keepable] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._notes: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._guardian: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._undertaker = Undertaker()
        self._started = time.time()

    @property
    def environment(self) -> dict[str, str]:
        """What every process of this run is started with."""
        place = self._installation
        marks = {"PI5_DATA": str(place.data), guardian.MARK: self._run, "PYTHONUNBUFFERED": "1"}
        return child_environment(**marks, PI5_WEB_PORT=str(place.web_port), PI5_PREFECT_PORT=str(place.prefect_port))

    def run(self, bring_up: Callable[[], Coroutine[Any, Any, None]], check: Callable[[], None]) -> None:
        """End what an earlier run left, ``check``, then run ``bring_up`` and keep what it starts until a signal asks for the end.

        Raises what ``check`` and ``bring_up`` raise.
        """
        adopt_orphans()
        if left := guardian.end_all(self._installation.data):
            self._say(f"ended {left} processes that an earlier run had left")
        check()
        asyncio.run(self._main(bring_up))

    async def _main(self, bring_up: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        self._guard()
        bringing = asyncio.create_task(bring_up())
        stopping = asyncio.create_task(self._stopping.wait())
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({bringing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if bringing.done() and bringing.exception() is None:
                await stopping
        finally:
            watching.cancel()
            bringing.cancel()
            stopping.cancel()
            await asyncio.gather(watching, bringing, stopping, return_exceptions=True)
            await self._stop()
        if not bringing.cancelled() and (error := bringing.exception()):
            raise error

    def _asked_to_stop(self) -> None:
        if self._stopping.is_set():
            self._say("ending everything at once")
            kill_descendants(self._guardian.pid if self._guardian else None)
        else:
            self._say("stopping ...")
            self._stopping.set()

    async def start(self, child: Keepable) -> None:
        """Start ``child`` and keep it up; raise where it cannot start at all."""
        self._kept[child.name] = child
        await child.start()
        self._record()
        self._tasks[child.name] = asyncio.create_task(self._keep(child))

    async def _keep(self, child: Keepable) -> None:
        """Start ``child`` again whenever it ends, until it has finished, has refused what it was given, or everything stops."""
        while True:
            await gone(child)
            if child.finished:
                self._say(f"{child.name}: finished")
                self._record()
                return
            how = _how(child.exit_code)
            if child.refused:
                reason = last_line(child.log) or "it says nothing"
                self._say(f"{child.name} stopped ({how}): {reason}; correct it, then ./pi5 down and ./pi5 up")
                self._record()
                return
            delay = child.next_delay()
            self._say(f"{child.name} ended ({how}); starting it again in {delay:g} s, see ./pi5 logs {child.name}")
            await asyncio.sleep(delay)
            try:
                await child.start()
            except (OSError, TradingError) as error:
                self._say(f"{child.name} does not start: {error}")
            else:
                self._note(f"{child.name} had ended ({how}) and was started again")
            self._record()

    def _note(self, message: str) -> None:
        """Write ``message`` to the system events, which the dashboard shows, in a process of its own; its failure is told."""

        async def write() -> None:
            try:
                await self.once((*NOTE, message), "up")
            except TradingError as error:
                self._say(f"not in the system events: {error}")

        note = asyncio.create_task(write())
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def once(self, command: Sequence[str], log: str) -> bytes:
        """Run a short-lived process and return its standard output; raise TradingError with its last line where it fails.

        Its stderr goes to ``log``; a line that begins with ``waiting: `` is told at once.
        """
        parent = os.getpid()
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment,
            preexec_fn=lambda: die_with(parent),
        )  # fmt: skip
        try:
            output, last = await asyncio.gather(_read(process.stdout), self._told(process.stderr, log))
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            failure = TradingError(last or f"{' '.join(command[1:])} ended ({_how(code)})")
            failure.exit_code = max(code, 1)
            raise failure
        return output

    async def _told(self, stream: asyncio.StreamReader | None, log: str) -> str:
        """Copy ``stream`` to a log and return its last line."""
        last = ""
        with (self._installation.logs / f"{log}.err").open("ab") as file:
            while stream and (line := await stream.readline()):
                file.write(line)
                last = line.decode(errors="replace").strip() or last
                if last.startswith("waiting: "):
                    self._say(last)
        return last

    async def _watch(self) -> None:
        """Keep the guardian alive, reap the adopted, keep logs short."""
        due = 0.0
        while True:
            own = {child.pid for child in self._kept.values() if child.pid}
            own |= {self._guardian.pid} if self._guardian else set()
            self._undertaker.reap(own)
            if self._guardian and self._guardian.poll() is not None:
                self._guard()
            if time.monotonic() > due:
                due = time.monotonic() + _HOUSEKEEPING
                for child in self._kept.values():
                    rotate(child.log)
            await asyncio.sleep(_TICK)

    def _guard(self) -> None:
        """Start the guardian, which ends what we started if we are killed."""
        if self._pipe >= 0:
            os.close(self._pipe)
        theirs, self._pipe = os.pipe()
        command = [sys.executable, "-I", "-S", guardian.__file__, str(self._installation.data), self._run, str(theirs)]
        self._guardian = subprocess.Popen(  # noqa: S603 our own interpreter and file
            command, stdin=subprocess.DEVNULL, pass_fds=(theirs,), start_new_session=True, env=self.environment
        )
        os.close(theirs)

    def _record(self) -> None:
        """Write who runs, for ``status``."""
        rows = [
            {"name": name, "pid": child.pid, "since": child.since, "restarts": child.restarts}
            for name in ORDER
            if (child := self._kept.get(name))
        ]
        own = {"pid": os.getpid(), "since": self._started}
        write_record(self._installation.run / RECORD, {"supervisor": own, "processes": rows})

    async def _stop(self) -> None:
        """End all in reverse order; what does not end in time is killed, and at last every descendant there still is."""
        tasks = [*self._tasks.values(), *self._notes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in reversed(ORDER):
            if child := self._kept.get(name):
                await child.end()
        if self._guardian and self._pipe >= 0:
            with suppress(OSError):
                os.write(self._pipe, b"done")
        kill_descendants(self._guardian.pid if self._guardian else None)
        if self._guardian:
            self._guardian.wait()
        (self._installation.run / RECORD).unlink(missing_ok=True)


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    return await stream.read() if stream else b""


def _how(code: int | None) -> str:
    """Say how a process ended."""
    if code is None:
        return "gone"
    return f"exit {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
