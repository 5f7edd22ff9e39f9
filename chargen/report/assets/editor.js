// A text area, and behind it the same text in spans that can be coloured. Places count characters (code points), as
// Python does.

class Editor {
  constructor(area, mirror) {
    Object.assign(this, { area, mirror, characters: [], spans: [] });
  }

  // Where the writing stands: before the selection, if there is one.
  get caret() {
    return Array.from(this.area.value.slice(0, this.area.selectionStart)).length;
  }

  // Bring the spans up to the text area; return the first place that has changed.
  sync() {
    const characters = Array.from(this.area.value);
    let n = 0;
    while (n < characters.length && characters[n] === this.characters[n]) n++;
    while (this.spans.length > n) this.spans.pop().remove();
    const added = characters.slice(n).map((character, k) => element("span", [character], { place: n + k }));
    this.mirror.append(...added);
    this.spans = this.spans.concat(added);
    this.characters = characters;
    return n;
  }

  // Put a text there, with the caret before place `caret`.
  set(text, caret) {
    if (this.area.value !== text) this.area.value = text;
    const offset = Array.from(text).slice(0, caret).join("").length;
    this.area.setSelectionRange(offset, offset);
  }

  // The place of the character under the pointer, or undefined.
  under({ clientX, clientY }) {
    return document.elementsFromPoint(clientX, clientY).find((found) => found.parentNode === this.mirror)?.place;
  }

  // Whether the end of the text can be seen.
  get endInView() {
    const last = this.spans.at(-1);
    return !last || last.getBoundingClientRect().bottom < window.innerHeight;
  }
}
