// What the page's events in Python call.
window.coldOpen = {
  compare,
  events,
  files,
  form,
  image,
  links,
  note,
  readAloud,
  scene,
  speakerOf: scriptView.speakerOf,
};
