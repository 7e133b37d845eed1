// Sends a form until the server has answered: the same body, under the same client-made id, with growing pauses.
"use strict";

judging.sender = (() => {
  const FIRST_PAUSE_MS = 1000;
  const LONGEST_PAUSE_MS = 30000;
  const PATIENCE_MS = 30000;
  const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

  async function once(url, options = {}) {
    return fetch(url, {
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...options,
      headers: { "HX-Request": "true", ...options.headers },
    });
  }

  const post = (url, fields) => once(url, { method: "POST", body: new URLSearchParams(fields) });

  // Ends early when the browser is online again or the reviewer asks for it.
  function pause(ms) {
    return new Promise((go) => {
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        document.removeEventListener("judging:try-now", done);
        go();
      };
      const timer = setTimeout(done, ms);
      addEventListener("online", done);
      document.addEventListener("judging:try-now", done);
    });
  }

  async function untilAnswered(url, fields, tell) {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        const response = await post(url, fields);
        if (!AGAIN.has(response.status)) return response;
      } catch {
        // No network, or no answer in time: the same as a server that is away.
      }
      tell(Math.round(wait / 1000));
      await pause(wait);
    }
  }

  return { get: once, post, untilAnswered };
})();
