"""One live site for all test modules of a process: starting one takes longer than most of what is tried on it."""

from evalsite.platform.embedded.processes import wait_until
from tests.running import databases
from tests.running.live_stack import QUIET_SECONDS, LiveStack


class KeptStack:
    """Started for the first module that asks; each gets it as good as new."""

    def __init__(self) -> None:
        self.stack: LiveStack | None = None

    def fresh(self, *, number: int) -> LiveStack:
        """With the rows and messages of the beginning. Ids go on, so nothing that a process remembers comes again."""
        if self.stack is None or not self.is_cleared(self.stack):
            self.stop()
            name = f"{databases.this_process()}_live"
            databases.renew(name)
            stack = self.stack = LiveStack.on(name, number=number)
            try:
                stack.start()
            except BaseException:
                self.stop()
                raise
        return self.stack

    def is_cleared(self, stack: LiveStack) -> bool:
        return (
            stack.web.alive
            and stack.worker.alive
            and stack.forget_messages()
            and wait_until(lambda: databases.is_quiet(stack.database), seconds=QUIET_SECONDS)
            and databases.is_emptied(stack.database)
        )

    def stop(self) -> None:
        if self.stack:
            self.stack.stop()
            databases.drop(self.stack.database)
            self.stack = None
