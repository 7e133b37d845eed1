// A dashboard that renews itself keeps the keyboard where it was, and says when the verdict is another one.
"use strict";

let kept = null;

function verdictShown() {
  return document.querySelector("#verdict > strong")?.textContent ?? "";
}

// Where the keyboard is, as something that is found again in the renewed page.
function placeOf(element) {
  if (element.matches("details[id] > summary")) return `#${CSS.escape(element.parentElement.id)} > summary`;
  const href = element.getAttribute("href");
  return href ? `#dashboard a[href="${CSS.escape(href)}"]` : null;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const board = event.detail.target;
  if (board.id !== "dashboard" || event.detail.xhr.status === 204) return;
  kept = {
    place: board.contains(document.activeElement) ? placeOf(document.activeElement) : null,
    verdict: verdictShown(),
  };
});

document.addEventListener("htmx:afterSwap", () => {
  if (!kept) return;
  if (kept.place) document.querySelector(kept.place)?.focus({ preventScroll: true });
  const now = verdictShown();
  const news = document.getElementById("verdict-news");
  if (news && now && now !== kept.verdict) news.textContent = `The verdict is now ${now}.`;
  kept = null;
});

// A link to a folded card opens it.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#fold-"]');
  const card = link && document.getElementById(link.hash.slice(1));
  if (card) card.open = true;
});

// The browser's own print command does the same; the button is only quicker to find.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
