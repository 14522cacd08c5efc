// Shows what the requester will read, while a reviewer writes it. Without scripts the words beside the box must do.

const INVISIBLE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

// As `visible_lines` of consent_app/register/subjects.py: what can't be seen is spelled out.
function visible(text) {
  return text.trim().replaceAll("\t", "    ").replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `[U+${code}]`;
  });
}

function draw(form) {
  const preview = form.querySelector("[data-preview]");
  if (!preview) return;
  const text = visible(form.elements.text.value);
  const code = form.elements.code;
  const head = preview.querySelector("[data-preview-head]");
  const reason = code?.value ? `: ${code.selectedOptions[0].textContent}.` : "";
  head.textContent = head.dataset.previewHead + reason;
  preview.querySelector("[data-preview-text]").textContent = text;
  preview.hidden = !text && !reason;
}

for (const form of document.querySelectorAll(".offer form")) {
  draw(form);
  form.addEventListener("input", () => draw(form));
}
