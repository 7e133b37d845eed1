"""The yardstick of generation: the same calls in threads, answers kept nowhere.

`python -m benchmarks.bench._call_bare BASE_URL FIRST LAST THREADS` prints when it began and ended (time.monotonic).
"""

import sys
import threading
import time

from experiments.endpoints.addresses import AllowList
from experiments.endpoints.chat import chat
from experiments.endpoints.client import GuardedClient
from experiments.endpoints.exchange import ChatRequest


def main(base_url: str, first: int, last: int, n_threads: int) -> None:
    client = GuardedClient(AllowList.parse(["127.0.0.1"]))
    numbers = iter(range(first, last))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            messages = [{"role": "user", "content": f"case={number} answer={number}"}]
            request = ChatRequest(model="instant", messages=messages)
            chat(client, base_url, "", request, deadline_seconds=30, max_bytes=2**20)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(began, time.monotonic())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
