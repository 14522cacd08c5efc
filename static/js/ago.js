// Keeps <time data-relative> current ("14 minutes ago"), as the filter relative_time writes it. Nothing is announced.

const EVERY = 10_000;
const UNITS = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]];

function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 10) return seconds <= 0 ? "just now" : "in a moment";
  const [size, unit] = UNITS.find(([size]) => distance >= size);
  const amount = Math.floor(distance / size);
  const words = `${amount} ${unit}${amount === 1 ? "" : "s"}`;
  return seconds < 0 ? `${words} ago` : `in ${words}`;
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    element.textContent = ago(Date.parse(element.dateTime));
  }
}, EVERY);
