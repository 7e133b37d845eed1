// The keys. One vote per key press, none while writing, and never the arrow keys.
"use strict";

(() => {
  const { page, dialogs } = judging;
  const WRITING = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
  const HAS_ENTER = "a, button, summary, input[type=checkbox]";

  const follow = (id) => document.getElementById(id)?.click();

  function comment() {
    const box = document.querySelector("details.comment");
    if (!box) return;
    box.open = true;
    box.querySelector("textarea").focus();
  }

  const VOTES = { a: "a", 1: "a", b: "b", 2: "b", e: "tie", 3: "tie", 0: "tie", n: "both_bad", 4: "both_bad" };
  const ACTS = {
    s: () => dialogs.open("skip"),
    f: () => dialogs.open("flag"),
    c: comment,
    u: () => follow("go-back"),
    backspace: () => follow("go-back"),
    "?": () => dialogs.open("help"),
  };

  function act(event) {
    const key = event.key.toLowerCase();
    if (key in VOTES) return page.choose(VOTES[key]);
    if (key === "enter") return page.submit();
    ACTS[key]?.();
  }

  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const known = key in VOTES || key in ACTS || key === "enter";
    if (!known || event.repeat || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (key === "enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      page.submit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(WRITING)) return;
    if (key === "enter" && event.target.closest(HAS_ENTER)) return;
    event.preventDefault();
    act(event);
  });
})();
