// What the page's events in Python call.
const showIn = (id, content) => scriptView.render(dom.find(`#${id} .script`), content || "", false);

window.coldOpen = {
  events,
  files,
  form,
  image,
  links,
  readAloud,
  scene,
  showIn,
  speakerOf: scriptView.speakerOf,
};
