// What a reviewer has chosen but the server has not answered yet, one entry per pair, in this browser.
"use strict";

judging.drafts = (() => {
  const PREFIX = "evalsite-draft:";
  const KEPT_MS = 14 * 24 * 3600 * 1000;

  // A full or forbidden storage must not keep anybody from judging.
  function attempt(action) {
    try {
      return action();
    } catch {
      return null;
    }
  }

  const read = (pair) => attempt(() => JSON.parse(localStorage.getItem(PREFIX + pair)));
  const write = (pair, draft) =>
    attempt(() => localStorage.setItem(PREFIX + pair, JSON.stringify({ ...draft, at: Date.now() })));
  const remove = (pair) => attempt(() => localStorage.removeItem(PREFIX + pair));

  function pairs() {
    const names = attempt(() => Object.keys(localStorage)) ?? [];
    return names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  }

  // Submitted, but no answer came before the page was left: to be sent again under the same id.
  const unanswered = () =>
    pairs()
      .map((pair) => ({ pair, draft: read(pair) }))
      .filter(({ draft }) => draft?.sentTo);

  for (const pair of pairs()) {
    if (Date.now() - (read(pair)?.at ?? 0) > KEPT_MS) remove(pair);
  }
  return { read, write, remove, unanswered };
})();
