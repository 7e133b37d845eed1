// Active time on a pair: while the page is visible, and no longer than two minutes after the last sign of life.
"use strict";

window.judging = {};

judging.clock = (() => {
  const IDLE_MS = 2 * 60 * 1000;
  const TICK_MS = 500;
  const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "touchmove"];
  let active = 0;
  let lastSign = performance.now();
  let lastTick = lastSign;

  const sign = () => (lastSign = performance.now());

  function tick() {
    const now = performance.now();
    // What lies beyond the idle limit does not count, nor does a machine asleep between two ticks.
    const until = Math.min(now, lastSign + IDLE_MS);
    if (document.visibilityState === "visible" && until > lastTick) active += Math.min(until - lastTick, 4 * TICK_MS);
    lastTick = now;
  }

  for (const name of SIGNS) addEventListener(name, sign, { passive: true, capture: true });
  document.addEventListener("visibilitychange", () => {
    tick();
    sign();
  });
  setInterval(tick, TICK_MS);

  return {
    restart(from = 0) {
      tick();
      sign();
      active = from;
    },
    read() {
      tick();
      return Math.round(active);
    },
  };
})();
