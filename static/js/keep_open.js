// A part that renews itself keeps open what the reader has opened in it, and closed what was closed.
"use strict";

(() => {
  let known = new Map();

  // By its id; else by the part it stands in and its words, without their numbers, and the how manieth of these it is.
  function named() {
    const seen = new Map();
    return [...document.querySelectorAll("main details")].map((part) => {
      const words = part.querySelector("summary")?.textContent.replace(/\d+/g, "").trim();
      const name = part.id || `${part.parentElement.closest("[id]")?.id} ${words}`;
      const place = seen.get(name) ?? 0;
      seen.set(name, place + 1);
      return [`${name} ${place}`, part];
    });
  }

  const renewsItself = (event) => event.detail.requestConfig?.elt.matches("[hx-trigger*='every ']");

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (renewsItself(event)) known = new Map(named().map(([name, part]) => [name, part.open]));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [name, part] of named()) part.open = known.get(name) ?? part.open;
    known.clear();
  });
})();
