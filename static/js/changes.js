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
  let asked = null;

  function announce(words) {
    document.getElementById("announcement").textContent = words;
  }

  function step(key, atTheEnd) {
    // A hurried key waits for the case that is on its way.
    if (isLoading) asked = () => step(key, atTheEnd);
    else if (document.querySelector(`[data-key="${key}"]`)) follow(key);
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

  function show(heading) {
    heading.focus({ preventScroll: true });
    announce(heading.dataset.announce);
    document.querySelector(".bench-list [aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  function goOn() {
    const next = asked;
    isLoading = false;
    asked = null;
    next?.();
  }

  document.addEventListener("htmx:beforeRequest", () => (isLoading = true));
  document.addEventListener("htmx:afterSettle", () => {
    const heading = document.getElementById("case");
    if (heading) show(heading);
    goOn();
  });
  for (const failed of ["htmx:sendError", "htmx:responseError", "htmx:sendAbort", "htmx:timeout"]) {
    document.addEventListener(failed, () => {
      isLoading = false;
      asked = null;
    });
  }

  for (const hidden of document.querySelectorAll("[data-with-script]")) hidden.hidden = false;
})();
