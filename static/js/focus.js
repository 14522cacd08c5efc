// Keeps the keyboard's place when htmx draws a part of the page anew. htmx itself finds the element with the same id again;
// where that is gone (a pause was started, and its button with it), the focus goes to the heading of the part.

let wasInside = false;

document.addEventListener("htmx:beforeSwap", (event) => {
  wasInside = event.target.contains(document.activeElement);
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (wasInside && document.activeElement === document.body) {
    event.target.querySelector("h1[tabindex], h2[tabindex]")?.focus();
  }
});
