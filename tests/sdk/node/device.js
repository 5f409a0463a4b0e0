// One device that takes the next job as soon as it is told of it, reports progress, and ends it; says each step as JSON.
"use strict";

const clients = require("./clients");
const connections = require("./connections");

const say = (step, said) => console.log(JSON.stringify({ step, said }));

async function main(site) {
  const { protocol, close } = await connections[site.mqtt](site);
  const device = new clients[site.client](protocol, site.thing);
  await device.listen();
  say("pending", await device.ask("getPendingJobExecutions", {}));
  const first = (await device.nextChanged.next()).execution;
  say("notified", first);
  const jobId = first.jobId;
  say("begun", await device.ask("startNextPendingJobExecution", { statusDetails: { phase: "begin" } }));
  say("seen", await device.ask("describeJobExecution", { jobId: "$next" }));
  say("updated", await device.ask("updateJobExecution", {
    jobId, status: "IN_PROGRESS", statusDetails: { progress: "50 %" }, expectedVersion: 2,
    includeJobExecutionState: true, includeJobDocument: true,
  }));
  await device.ask("updateJobExecution", { jobId, status: "SUCCEEDED", expectedVersion: 3 });
  say("left", await device.nextChanged.next());
  say("refused", await device.ask("updateJobExecution", { jobId, status: "FAILED" }).catch((refusal) => refusal));
  device.close();
  await close();
}

// Leaving by the end of the program makes the SDK's newer client abort while Node tears it down.
main(JSON.parse(process.argv[2])).then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
