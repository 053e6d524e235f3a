// A file of its own, since the page's content security policy forbids inline scripts.
window.SwaggerUIBundle({
  url: "/schema/openapi.json",
  domNode: document.getElementById("api"),
  deepLinking: true,
  displayRequestDuration: true,
  // The default validator is a website; this page talks to nobody but its own service.
  validatorUrl: null,
});
