// A part that renews itself keeps open what the reader has opened in it, and closed what was closed. It does not renew
// itself under a finger, and leaves the keyboard on the button it was on.
"use strict";

(() => {
  let known = new Map();
  let focused = null;

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

  const act = (button) => `${button.form?.action} ${button.textContent.trim()}`;

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!renewsItself(event)) return;
    const part = event.detail.target;
    // Replaced between press and release, a button is never clicked. The next renewal comes by itself.
    if (part.matches(":active")) event.detail.shouldSwap = false;
    known = new Map(named().map(([name, one]) => [name, one.open]));
    const element = document.activeElement;
    focused = part.contains(element) && element.matches("button:not([id])") ? act(element) : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [name, part] of named()) part.open = known.get(name) ?? part.open;
    known.clear();
    const again = focused && [...document.querySelectorAll("main form button")].find((one) => act(one) === focused);
    if (again) again.focus({ preventScroll: true });
    focused = null;
  });
})();
