// The only script of ours: the progress of a job, told by the server as it happens.
"use strict";
const job = document.getElementById("job");
if (job) {
  const bar = job.querySelector("progress");
  const told = document.getElementById("told");
  const events = new EventSource(job.dataset.events);
  events.onmessage = (event) => {
    const now = JSON.parse(event.data);
    if (now.state === "done" || now.state === "failed") {
      events.close();
      location.reload();
      return;
    }
    if (now.total > 0) {
      bar.max = now.total;
      bar.value = now.done;
      told.textContent = `${now.done.toLocaleString("en")} of ${now.total.toLocaleString("en")}`;
    } else {
      told.textContent = now.state;
    }
  };
}
