/** Which views there are, by the address after `#/`; each shows only where the gateway serves it and the person may use it. */

import { openAdmin } from "./admin.js";
import { openAdvisor } from "./advisor.js";
import { openAlerts } from "./alerts.js";
import { serves } from "./api.js";
import { openAudit } from "./audit.js";
import { openAudits } from "./audits.js";
import { openCall } from "./call.js";
import { openDuty } from "./duty.js";
import { openFloor } from "./floor.js";

/** name, word in the menu (null: not in it), how it opens, and for whom. The first that one may use is where one begins. */
export const VIEWS = [
  { name: "floor", word: "Floor", open: openFloor, shown: (session) => session.may("watch") },
  { name: "call", word: null, open: openCall, shown: (session) => session.may("watch") },
  { name: "alerts", word: "Alerts", open: openAlerts, shown: (session) => session.may("watch") },
  { name: "audits", word: "Audits", open: openAudits, shown: (session) => session.may("audit") || session.may("review") },
  { name: "audit", word: null, open: openAudit, shown: (session) => session.may("audit") || session.may("review") },
  { name: "duty", word: "Duty", open: openDuty, shown: (session) => session.may("watch") },
  { name: "admin", word: "Admin", open: openAdmin, shown: (session) => session.may("system") && serves("/api/system") },
  { name: "advisor", word: "My page", open: openAdvisor, shown: (session) => session.roles.includes("advisor") },
];
