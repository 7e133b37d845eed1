// Paging through cases that changed, by key. Links do the same without this.
"use strict";

(() => {
  const WRITING = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
  const follow = (key) => document.querySelector(`[data-key="${key}"]`)?.click();
  const ACTS = {
    j: () => step("next", "This is the last case."),
    n: () => step("next", "This is the last case."),
    k: () => step("previous", "This is the first case."),
    p: () => step("previous", "This is the first case."),
    v: () => follow("view"),
    "/": () => document.getElementById("q")?.focus(),
    "?": () => document.getElementById("dialog-keys")?.showModal(),
  };
  let isLoading = false;

  function announce(words) {
    document.getElementById("announcement").textContent = words;
  }

  function step(key, atTheEnd) {
    // A held or hurried key asks for one case at a time.
    if (isLoading) return;
    if (document.querySelector(`[data-key="${key}"]`)) follow(key);
    else announce(atTheEnd);
  }

  document.addEventListener("keydown", (event) => {
    const act = ACTS[event.key.toLowerCase()];
    if (!act || event.repeat || event.isComposing || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(WRITING)) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("htmx:beforeRequest", () => (isLoading = true));
  document.addEventListener("htmx:afterRequest", () => (isLoading = false));
  document.addEventListener("htmx:afterSettle", () => {
    const heading = document.getElementById("case");
    if (!heading) return;
    heading.focus({ preventScroll: true });
    announce(heading.dataset.announce);
    const list = document.querySelector(".bench-list");
    list?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  });

  for (const hidden of document.querySelectorAll("[data-with-script]")) hidden.hidden = false;
})();
