const find = (id) => document.getElementById(id);

function element(name, content, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...content);
  return made;
}

// A character in bold, one that cannot be seen by a sign or its number.
function named(character, hit) {
  const names = { "\n": "\u21b5", " ": "\u2423", "\t": "\u21e5" };
  const code = character.codePointAt(0);
  const hidden = /[\p{C}\p{Z}]/u.test(character);
  const shown = names[character] || (hidden ? `U+${code.toString(16).padStart(4, "0")}` : character);
  return element("b", [shown], { className: hit ? "hit" : "" });
}

function percent(share) {
  return share < 0.001 ? " <0.1\u00a0%" : ` ${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;
}
