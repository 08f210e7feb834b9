"use strict";

const TOKEN = "token"; // the name of the security scheme in openapi.yaml

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/** Sends a request; a redirect is answered as such, where a browser alone would follow it. */
async function send(url, options) {
  const headers = new Headers(options.headers);
  headers.set("x-from-page", "yes");
  const answer = await fetch(url, { ...options, headers });
  const status = Number(answer.headers.get("x-status") ?? answer.status);
  const shown = new Headers(answer.headers);
  shown.delete("x-status");
  return new Response(await answer.blob(), { status, statusText: answer.statusText, headers: shown });
}

/**
 * The demo's people with their tokens; undefined unless this machine is asked by a name of its own, and none
 * where an identity provider makes the tokens.
 */
async function people() {
  const answer = await fetch("/_local/people", {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
  });
  return answer.ok ? answer.json() : undefined;
}

const reference = SwaggerUIBundle({
  dom_id: "#reference",
  url: "/docs/openapi.yaml",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  defaultModelExpandDepth: 3,
  defaultModelsExpandDepth: 0,
  requestInterceptor: (request) => (request.loadSpec ? request : Object.assign(request, { userFetch: send })),
  onComplete: choose,
});

async function choose() {
  const person = document.getElementById("person");
  const asked = await people();
  const found = asked ?? [];
  for (const { role, name, id } of found) {
    person.add(new Option(`${name}, ${role}`, id, false, role === "asesor"));
  }
  const become = () => {
    const chosen = found.find(({ id }) => id === person.value);
    if (chosen) {
      reference.preauthorizeApiKey(TOKEN, chosen.token);
    } else {
      reference.authActions.logout([TOKEN]);
    }
  };
  person.addEventListener("change", become);
  person.disabled = !found.length;
  if (found.length) {
    become();
  } else {
    const here = `http://localhost:${location.port}/docs`;
    document.getElementById("note").textContent = asked
      ? "Give a token of your identity provider under Authorize."
      : `Open ${here} to call as one of the demo's people.`;
  }
}
