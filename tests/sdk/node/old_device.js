// A device written with aws-iot-device-sdk, the older one: begins and ends whatever job its callback is given.
"use strict";

const awsIot = require("aws-iot-device-sdk");

const say = (step, said) => console.log(JSON.stringify({ step, said }));

const site = JSON.parse(process.argv[2]);
const jobs = awsIot.jobs({
  keyPath: site.key, certPath: site.certificate, caPath: site.ca, clientId: site.thing, host: site.endpoint, port: site.port,
});

jobs.on("error", (error) => {
  console.error(error);
  process.exit(1);
});

jobs.subscribeToJobs(site.thing, (error, job) => {
  if (error) throw error;
  say("job", { id: job.id, operation: job.operation, document: job.document, status: job.status });
  job.inProgress({ progress: 50 }, (failure) => {
    if (failure) throw failure;
    job.succeeded({ done: "yes" }, (refusal) => {
      if (refusal) throw refusal;
      say("ended", job.status);
      if (job.id === site.last) jobs.end(false, () => process.exit(0));
    });
  });
});

jobs.startJobNotifications(site.thing, (error) => {
  if (error) throw error;
});
