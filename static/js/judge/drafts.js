// What a reviewer has chosen but the server has not answered yet, one entry per reviewer and pair, in this browser.
"use strict";

judging.drafts = (() => {
  const EVERYBODYS = "evalsite-draft:";
  // A browser may be shared: what somebody else left here waits until they sign in again.
  const PREFIX = `${EVERYBODYS}${document.body.dataset.reviewer}:`;
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

  const keys = (prefix) => (attempt(() => Object.keys(localStorage)) ?? []).filter((key) => key.startsWith(prefix));
  const pairs = () => keys(PREFIX).map((key) => key.slice(PREFIX.length));

  // Submitted, but no answer came before the page was left: to be sent again under the same id.
  const unanswered = () =>
    pairs()
      .map((pair) => ({ pair, draft: read(pair) }))
      .filter(({ draft }) => draft?.sentTo);

  for (const key of keys(EVERYBODYS)) {
    const draft = attempt(() => JSON.parse(localStorage.getItem(key)));
    if (Date.now() - (draft?.at ?? 0) > KEPT_MS) attempt(() => localStorage.removeItem(key));
  }
  return { read, write, remove, unanswered };
})();
