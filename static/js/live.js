// A part that renews itself keeps open what the reader has opened in it.
"use strict";

(() => {
  let open = new Set();

  document.addEventListener("htmx:beforeSwap", (event) => {
    open = new Set([...event.target.querySelectorAll("details[id]")].map((part) => `${part.id}:${part.open}`));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const part of document.querySelectorAll("details[id]")) {
      if (open.has(`${part.id}:true`)) part.open = true;
      else if (open.has(`${part.id}:false`)) part.open = false;
    }
    open.clear();
  });
})();
