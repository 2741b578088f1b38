// The logo's address is fixed in the bundle, and it is the only image that the bundle asks for.
// One that fails to load is left out of the menu: let it fail before it is asked for.
const image = HTMLImageElement.prototype;
Object.defineProperty(image, "src", { set() { this.dispatchEvent(new Event("error")); } });
image.setAttribute = function (name, value) {
  if (name !== "src") Element.prototype.setAttribute.call(this, name, value);
};
