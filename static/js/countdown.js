// Keeps <time data-countdown-until="…"> current. Text changes are not announced: the element is no live region.

const EVERY = 1000;

function timeLeft(until) {
  const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
  if (seconds < 60) return `${seconds} ${seconds === 1 ? "second" : "seconds"} left`;
  const minutes = Math.round(seconds / 60);
  return `${minutes} ${minutes === 1 ? "minute" : "minutes"} left`;
}

function tick() {
  for (const element of document.querySelectorAll("time[data-countdown-until]")) {
    const text = timeLeft(Date.parse(element.dataset.countdownUntil));
    if (element.textContent !== text) element.textContent = text;
  }
}

tick();
setInterval(tick, EVERY);
