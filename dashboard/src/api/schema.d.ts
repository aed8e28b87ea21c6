// Written by `npm run schema` from openapi.json: not to be edited.
export interface paths {
    "/api/admin/providers/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fetches every source, reads every folder, and swaps the set of providers if the new one is valid as a whole. Runs in
         *     progress keep what they began with. 202 when it takes longer than 20 s: the sources tell how it ended.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LookView"];
                    };
                };
                /** @description It goes on; see the sources */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/providers/sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The sources that providers are fetched from, by name, and how each stands. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_SourceView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Adds a source, or changes the one of that name. It is fetched by the scheduler; what was served of it is served on until
         *     a new commit is accepted.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SourceRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SourceView"];
                    };
                };
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SourceView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/providers/sources/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Asks for a source's removal. Its providers are loaded until a set without them is valid and stored. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SourceView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/providers/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** As a reload, and changes nothing: says what would be wrong. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LookView"];
                    };
                };
                /** @description It takes longer; ask again */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/secret-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The keys that wrap secrets, and how much each wraps. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/secret-keys/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Wraps a batch of keys with the current key of the keyring. Secrets stay in use meanwhile. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Rotation"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                500: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Approvals, those of the newest runs first; the open ones unless another status is asked for. */
        get: {
            parameters: {
                query?: {
                    /** @description `open` when nothing is said; `approved`, `rejected`, `expired`, `withdrawn`, or `all`. */
                    status?: string;
                    /** @description Of the run of this id. */
                    run?: string;
                    /** @description Of runs for the application of this name. */
                    application?: string;
                    /** @description Of runs of this team. */
                    team?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_ApprovalView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description By the actor of this name or id. */
                    actor?: string;
                    /** @description Of this action, as `run.cancel`, or of all actions on a noun, as `run.*`. */
                    action?: string;
                    /** @description About this object, as `application/shop`, or about all of a kind, as `application/*`. */
                    object?: string;
                    /** @description About objects of this team. */
                    team?: string;
                    /** @description `done` or `refused`. */
                    outcome?: string;
                    /** @description Not before this moment (RFC 3339). */
                    since?: string;
                    /** @description Before this moment (RFC 3339). */
                    until?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_AuditView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The whole record: a JSON object a line, in the order of the chain; then what is not chained yet, with `seq` null. */
        get: {
            parameters: {
                query?: {
                    /** @description After the entry of this number; from the first when nothing is said. */
                    after?: number;
                    /** @description Leaves out what is not chained yet, so that the next export goes on from the last number of this one. */
                    chained?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description JSON lines */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/x-ndjson": string;
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/head": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Number and hash of the last entry, signed. Kept elsewhere, it shows later whether the end was cut off. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["HeadView"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/can-i": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the caller may do something. The answer is the one that the request itself would get. */
        get: {
            parameters: {
                query: {
                    /** @description `run.cancel`; with an object the verb is enough: `cancel`. */
                    action: string;
                    /** @description `application/NAME`, `resource/ID`, `run/ID`, `run/ID/STEP` or `team/NAME`; without it: in any team. */
                    object?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CanI"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** The same for several things at once, as pages ask. A question that would be refused is answered with no, and why. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Questions"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Answers"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** As `can-i`, with what the answer rests on: policies, roles, teams, scopes. */
        get: {
            parameters: {
                query: {
                    /** @description `run.cancel`; with an object the verb is enough: `cancel`. */
                    action: string;
                    /** @description `application/NAME`, `resource/ID`, `run/ID`, `run/ID/STEP` or `team/NAME`; without it: in any team. */
                    object?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Explanation"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Batches: one's own, and those about resources of one's teams alone, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description `awaiting_approval`, `approval_void`, `running`, `paused`, `stopped`, `aborted`, `completed`, `rolling_back` or `rolled_back`. */
                    status?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_BatchView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Makes a batch of all resources that a selector chooses, which waits for approval; or says what it would do. Which resources
         *     these are is fixed now.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["BatchRequest"];
                };
            };
            responses: {
                /** @description A dry run */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PreviewView"];
                    };
                };
                201: {
                    headers: {
                        /** @description The batch */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a batch stands, what it would do or does, and what it could not. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/abort": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a batch: what it has not begun with stays as it is, what runs goes on. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ActRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approves a batch: it begins, if what would be done is still what the digest is of. Otherwise its preview is made anew, and the
         *     answer is 409.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ApproveRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/items": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The resources of a batch, in the order in which it comes to them. */
        get: {
            parameters: {
                query?: {
                    /** @description `open`, `running`, `succeeded`, `failed` or `skipped`. */
                    status?: string;
                    /** @description Of the wave of this number, from 1. */
                    wave?: number;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_BatchItemView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/items/{resource}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One resource of a batch: what changes of it, and what would be run for it as far as a plan was asked for. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    /** @description The resource's id */
                    resource: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchItemDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/items/{resource}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Shows what the batch would run for one of its resources, as the batch would do it: by its version, with its params. Runs nothing.
         *     When no worker makes the plan in time, the answer says where it will be.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                    /** @description The resource's id */
                    resource: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PreviewAnswer"];
                    };
                };
                202: {
                    headers: {
                        /** @description The preview */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunAccepted"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Holds a batch: nothing more of it begins, what runs goes on. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ActRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a batch go on that was paused, or that stopped by itself: what failed until now does not count any more. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ResumeRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/batches/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes back what a batch did: each of its resources gets the version and the params that it had, the last one first. Ends the
         *     batch.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ActRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Operations on many runs: one's own, and those on runs of one's teams alone, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_BulkView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bulk/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far an operation is, and what it could not be done to. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BulkDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bulk/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stops an operation: what is not done stays undone. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BulkView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happens, as it happens: a `ready` event, then one without a name for everything that happened to what the caller may
         *     read. Reconnecting with `Last-Event-ID` leaves nothing out; who is more than 5,000 events behind gets a `reset` event
         *     instead. Every 15 s a comment with the newest id says that the stream lives. It ends when the key or session does.
         */
        get: {
            parameters: {
                query?: {
                    /** @description About the run of this id. */
                    run?: string;
                    /** @description About the resource of this id. */
                    resource?: string;
                    /** @description About the application of this name, its resources and runs. */
                    application?: string;
                    /** @description Of runs in the queue of this name. */
                    queue?: string;
                    /** @description Of the team of this name. */
                    team?: string;
                    /** @description About the batch of this id, and about its runs. */
                    batch?: string;
                    /** @description Of these names, separated by commas: `run.failed,resource.*`. */
                    kind?: string;
                    /** @description Only what happened after this id of a stream's; `Last-Event-ID` says the same and wins. Without either, from now on. */
                    after?: string;
                };
                header?: {
                    /** @description Only what happened after this one */
                    "Last-Event-ID"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": components["schemas"]["EventView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                429: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/freezes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The freezes that there are, by name: those of all, and those of teams that the caller may know of. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_FreezeView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Makes a freeze. While it is on, runs that would change something do not begin or go on after a wait, and say `FreezeWindow`; what
         *     runs goes on, and so do drift checks and previews.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["FreezeRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FreezeView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/freezes/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a freeze; what it held may begin. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/golden-paths": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The golden paths of all providers, by name. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_GoldenPathView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/golden-paths/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One golden path: parameters with types, steps, an example, and how long it took before. */
        get: {
            parameters: {
                query?: {
                    /** @description Its provider, or `NAME@VERSION`; needed only when several have a golden path of that name. */
                    provider?: string;
                };
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GoldenPathDetail"];
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/golden-paths/{name}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Starts a golden path, or with `dry_run` answers with its plan. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    name: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RunRequest"] | null;
                };
            };
            responses: {
                /** @description The plan of a dry run */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PreviewAnswer"];
                    };
                };
                202: {
                    headers: {
                        /** @description The run */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunAccepted"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/graph/{app}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An application: its resources, who serves them, and the run that works or worked last on each, with its steps. */
        get: {
            parameters: {
                query?: {
                    /** @description `json`, `dot` or `mermaid`; else what `Accept` names (`text/vnd.graphviz`, `text/vnd.mermaid`), else JSON. */
                    format?: string;
                };
                header?: never;
                path: {
                    app: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GraphView"];
                        "text/vnd.graphviz": string;
                        "text/vnd.mermaid": string;
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/integrations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Credentials for other systems, by name, without their secrets. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_IntegrationView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/integrations/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Stores a credential, in place of an earlier one of the name. It is tried first, where that can be done. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            /** @description `kind` and the fields of that kind */
            requestBody: {
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IntegrationAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                /** @description It was tried, and is refused */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        /** Removes a credential that nothing uses. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IntegrationAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/integrations/{name}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tries a stored credential once more. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IntegrationAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                /** @description It is refused */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keys, newest first: one's own, or everybody's for those who may see them. Those that work, unless others are asked for. */
        get: {
            parameters: {
                query?: {
                    /** @description Of the service account of this name. */
                    service_account?: string;
                    /** @description Those too that do not work any more. */
                    ended?: boolean;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_KeyView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /**
         * Makes a key of one's own; one made with a key that belongs to nobody belongs to nobody either. It can never do more than
         *     whoever makes it, and never more than its owner may at the time.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent; its second answer has no secret */
                    "Idempotency-Key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["KeyRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewKeyAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One key, whether it works or not. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Revokes a key: it is refused from the next request on, by every api. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a key that takes the place of this one: of the same owner, for the same, and for as long from now on. The old one
         *     works until the overlap ends.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent; its second answer has no secret */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RotationRequest"] | null;
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewKeyAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The limits that there are, by kind and name. A run beyond one waits, and says so. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_LimitView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/limits/{kind}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One limit. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    kind: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LimitView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        /** Sets how many runs go at once. What runs already goes on. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    kind: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["LimitRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LimitView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        /** Removes a limit. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    kind: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/login/device": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begins a login by device code. No key is needed. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DeviceRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeviceAnswer"];
                    };
                };
                429: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/login/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchanges a confirmed login for a key of that person's, once. No key is needed. For a login by device code, the answer is
         *     400 `authorization-pending` until the person has confirmed it, 400 `slow-down` to who asks more often than `interval` says,
         *     403 `login-refused` and 400 `login-expired` at the end.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Exchange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends what the request was made with: a browser's session, or a person's own key. A key that is not a person's stays, so
         *     that no installation loses its only one by a slip.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is over */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/marks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody's marks and those of one's teams, of a time, those made last first. */
        get: {
            parameters: {
                query?: {
                    /** @description Those that reach to this time or later. */
                    from?: string;
                    /** @description Those that began no later than this. */
                    to?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_MarkView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Makes a mark, which its team sees, or everybody where it has none. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["MarkRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MarkView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/marks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a mark: one's own, one of a team whose developer one is, or any as an admin. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/metrics/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Throughput, failures, waits, durations and depth over time. The newest minute is seconds behind. */
        get: {
            parameters: {
                query?: {
                    /** @description Only this queue; without it, all of them together. */
                    queue?: string;
                    /** @description From when on; an hour before its end when nothing is said. Minutes are kept for seven days. */
                    from?: string;
                    /** @description Before when; now when nothing is said. */
                    to?: string;
                    /**
                     * @description Seconds of one point: a multiple of 60. Without it, so long that there are about 120 points, and whole hours when it is
                     *     more than half of one.
                     */
                    step?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/mine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One's own rules, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_RuleView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Makes a rule of one's own. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RuleRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RuleView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/mine/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a rule of one's own and what is kept of its messages. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Changes a rule of one's own, pauses it, or lets it go on. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RuleChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RuleView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/notifications/mine/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was sent, newest first. Kept for two weeks unless the instance says otherwise. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_MessageView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/mine/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a message that says that it is a test. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MessageView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rules of teams, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this team. */
                    team?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_RuleView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Makes a rule of a team. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RuleRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RuleView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/rules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a rule of a team and what is kept of its messages. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Changes a rule of a team, pauses it, or lets it go on. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RuleChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RuleView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/notifications/rules/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was sent, newest first. Kept for two weeks unless the instance says otherwise. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_MessageView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/rules/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a message that says that it is a test. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MessageView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, unknown>;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What there is, what waits, who works, and what went wrong last. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Overview"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The people who are known, by name: those of the file, and those whom an OpenID provider sent; not those who are kept out, unless
         *     they are asked for.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Of this team. */
                    team?: string;
                    /** @description Those who are kept out, too. */
                    disabled?: boolean;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_PersonView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The providers that are loaded, in every version, by name and version. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_ProviderView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/providers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One provider. */
        get: {
            parameters: {
                query?: {
                    /** @description A loaded version; the one that serves by default when nothing is said. */
                    version?: string | null;
                };
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProviderDetail"];
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/providers/{name}/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The workflows of one provider, in the order of its manifest. */
        get: {
            parameters: {
                query?: {
                    /** @description A loaded version; the one that serves by default when nothing is said. */
                    version?: string | null;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_WorkflowView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Depth, age and rates of queues, by name. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_QueueView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One queue: its figures, and who waits in it for what. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QueueAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes what the priorities of a queue's runs are counted from. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["QueueChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QueueAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/queues/{name}/demand": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The number that a scaler of workers goes by. From Postgres, so that a worker which is busy never looks idle. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Demand"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pauses a queue and tells when nothing of it runs any more: its `state` is `drained` then, and there is an event
         *     `queue.drained`.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["WhyRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QueueAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pauses a queue: nothing of it begins until it is resumed. What runs goes on; what waits says `QueuePaused`. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["WhyRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QueueAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a paused queue go on. One that is not paused stays as it is. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["QueueAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Resources, newest first. Terminated ones are listed with `state=terminated` only. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this type. */
                    type?: string;
                    /** @description In this state. */
                    state?: string;
                    /** @description Used by the application of this name. */
                    application?: string;
                    /** @description Served by the provider of this name. */
                    provider?: string;
                    /** @description Whose own name begins so. */
                    name?: string;
                    /** @description `key=value`, `key!=value`, `key`, `!key`, separated by commas. */
                    labels?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_ResourceView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One resource, with outputs and history. */
        get: {
            parameters: {
                query?: {
                    /** @description Shows sensitive outputs; that it was done is recorded in the history. */
                    reveal?: boolean;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ResourceDetail"];
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a failed or degraded resource as it is: active, without a run. Its kept state counts as the right one. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Decision"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ResourceView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a resource is not as it should be yet: what its run waits for, or what it waits for itself. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ExplanationView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/forget": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets go of a resource: it counts as gone, and what is there is not touched. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Decision"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ResourceView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/graph": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A resource: who uses it, what it needs and what needs it, and its last runs. */
        get: {
            parameters: {
                query?: {
                    /** @description `json`, `dot` or `mermaid`; else what `Accept` names (`text/vnd.graphviz`, `text/vnd.mermaid`), else JSON. */
                    format?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GraphView"];
                        "text/vnd.graphviz": string;
                        "text/vnd.mermaid": string;
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happened to a resource, newest first, as far back as events are kept. */
        get: {
            parameters: {
                query?: {
                    /** @description Only what became of the resource itself, and not what its runs did. */
                    own?: boolean;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_HistoryEntry"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says that a resource was made elsewhere, and what it gives: active, without a run. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ImportRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ResourceView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/outputs/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One output of a resource, as it is. That a sensitive one was read is recorded. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["OutputView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Shows what an operation on a resource would run, with the params of the latest generation; runs nothing. Placeholders for
         *     other resources' outputs stay as they are written.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PlanRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PreviewAnswer"];
                    };
                };
                /** @description The plan is not there yet */
                202: {
                    headers: {
                        /** @description The preview */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunAccepted"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a resource looked at by its provider's read workflow: outputs are refreshed, and what differs from what was made is kept
         *     as its drift.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Asked"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/reconcile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs the resource's update workflow though nothing that is asked for has changed: puts an end to drift. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Asked"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a failed resource resolved once more: after a provider for its type was added, say. To go on with the run that
         *     failed, retry that run.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ResourceRetry"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/snapshot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a resource looked like at a moment. */
        get: {
            parameters: {
                query: {
                    /** @description RFC 3339, as `2026-01-31T14:05:00Z`. */
                    at: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ResourceAt"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The current state, byte for byte; 204 when there is none. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The state file */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, unknown>;
                    };
                };
                /** @description No state is stored */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Stores a new version of the state. */
        post: {
            parameters: {
                query?: {
                    /** @description Id of the lock that the caller holds. */
                    ID?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            responses: {
                /** @description Stored */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                /** @description Locked; the body is the holder's lock info */
                423: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, unknown>;
                    };
                };
            };
        };
        /** Removes the state; its versions stay. */
        delete: {
            parameters: {
                query?: {
                    /** @description Id of the lock that the caller holds. */
                    ID?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Removed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                /** @description Locked; the body is the holder's lock info */
                423: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, unknown>;
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/state/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes the content of an earlier version the newest one. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["StateRollbackRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["StateAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/state/unlock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives back a lock that a person or a tool of theirs left behind. A run's lock ends with its run. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["StateAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/state/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The versions of a resource's state, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_VersionView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resources/{id}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The applications that use a resource, as far as the caller may know of them: the oldest first. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_ResourceUse"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/service-accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Service accounts, by name; those that are not disabled, unless others are asked for. */
        get: {
            parameters: {
                query?: {
                    /** @description Disabled ones too. */
                    disabled?: boolean;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_AccountView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Makes a service account. It has no key yet. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AccountRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AccountView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/service-accounts/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One service account, disabled or not. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AccountView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/service-accounts/{name}/disabled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Disables a service account: all its keys are refused from the next request on. Or takes that back. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DisabledRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AccountView"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/service-accounts/{name}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes a key for a service account. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent; its second answer has no secret */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["KeyRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewKeyAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The logins of the browsers of one person, newest first; at most twenty are good at a time. */
        get: {
            parameters: {
                query?: {
                    /** @description The person of this id; without it, the caller. Others' are listed for admins. */
                    person?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_SessionView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Ends the logins of all of the caller's browsers, this one's too. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All are over */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends a login of a browser, everywhere at once: of one of the caller's, or of anybody's by an admin. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is over */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Applications, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Owned by this team. */
                    team?: string;
                    /** @description `key=value`, `key!=value`, `key`, `!key`, separated by commas. */
                    labels?: string;
                    /** @description Deleted ones too. */
                    deleted?: boolean;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_ApplicationView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Submits a Score file, YAML or JSON. The same content again changes nothing. */
        post: {
            parameters: {
                query?: {
                    /** @description Accepts what innominatus' own files have beyond Score, with one warning each. */
                    compat?: boolean;
                    /** @description The team that owns a new application; `default` when nothing is said. */
                    team?: string;
                    /** @description Shows what would be changed, and changes nothing. */
                    dry_run?: boolean;
                    /** @description How long the application lives from now on, as `8h`; goes before the annotation `slipway.dev/ttl`. */
                    ttl?: string;
                    /** @description Tags that workflows are chosen by, for every resource, separated by commas; added to the annotations `slipway.dev/tags`. */
                    tags?: string;
                    /** @description Workflows by resource, `db=fast-path,cache=small`; goes before the annotations `slipway.dev/workflow`. */
                    workflow_override?: string;
                };
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            /** @description A Score file, at most 1 MiB */
            requestBody: {
                content: {
                    "application/json": Record<string, unknown>;
                    "application/yaml": string;
                };
            };
            responses: {
                /** @description The same content as before: nothing was changed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SubmissionAnswer"];
                    };
                };
                201: {
                    headers: {
                        /** @description The application */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SubmissionAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                413: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{app}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The secrets that are an application's own, without their values, by name. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    app: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_SecretView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{app}/secrets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Gives an application's own secret a value. It goes before the team's of the same name. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    app: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewSecret"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SecretAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        /** Removes an application's own secret. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    app: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SecretAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One application: the live one of that name, or the one deleted last. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ApplicationDetail"];
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Deletes an application and the resources that only it uses. Asking again changes nothing. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeletionAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                /** @description It is protected from deletion */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{name}/generations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was submitted, newest first, and what each changed. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: number;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GenerationPage"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{name}/generations/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One generation, and every place at which it differs from the one before. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                    number: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GenerationDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{name}/protection": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Protects an application or one of its resources from deletion, or lifts that. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ProtectionRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProtectionAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{name}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Brings the content of an earlier generation back, as a new generation. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RollbackRequest"];
                };
            };
            responses: {
                /** @description It has that content already */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SubmissionAnswer"];
                    };
                };
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SubmissionAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/specs/{name}/ttl": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Gives an application another time to live, from now on, or no end. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TtlRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TtlAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/states": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** States that step types keep for resources. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this application. */
                    application?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_StateView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/teams": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Teams that were ever named, by name: those whose things the caller may see. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_TeamView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/teams/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One team: its quotas, and what it uses. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TeamAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        /** Sets a team's share of the slots. From the next slot on that becomes free. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TeamChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TeamAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/teams/{name}/quotas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Sets all that a team may use; what is left out is not bounded any more. What runs goes on, what is there stays. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["QuotasView"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TeamAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/teams/{team}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The secrets of a team and of its applications, without their values: the team's own first, then by application; each by name. */
        get: {
            parameters: {
                query?: {
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    team: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_SecretView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/teams/{team}/secrets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Gives a team's secret a value. Every application of the team may name it. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    team: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewSecret"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SecretAnswer"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        post?: never;
        /** Removes a team's secret. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    team: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SecretAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/views": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One's own views and those of one's teams, by page and name. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this page: `runs`, `resources`, `applications`, …. */
                    page?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_ViewView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Keeps a view; one of the same page and name is replaced. One of a team's is for whoever changes what the team has. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewView"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ViewView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/views/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Forgets a view. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Endpoints, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this team. */
                    team?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_WebhookView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        /** Makes an endpoint. Its secret is in the answer, and is not shown again. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WebhookRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhookView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/git/{source}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Announces a push to a source's repository. Takes GitHub's `X-Hub-Signature-256`, Gitea's `X-Gitea-Signature`, Forgejo's
         *     `X-Forgejo-Signature`, GitLab's `webhook-signature` and `X-Gitlab-Token`. No API key is needed.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    source: string;
                };
                cookie?: never;
            };
            /** @description What the forge sends; it is not read */
            requestBody: {
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            responses: {
                /** @description The source is looked at soon */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                413: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One endpoint. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhookView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Removes an endpoint and what is kept of its deliveries. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Changes an endpoint, disables it, or enables it again. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WebhookChange"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhookView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was sent to an endpoint, newest first. Kept for two weeks unless the instance says otherwise. */
        get: {
            parameters: {
                query?: {
                    /** @description `pending`, `delivered` or `failed`. */
                    status?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_DeliveryView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}/deliveries/{delivery}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One delivery, with what was sent and what came back each time. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    delivery: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeliveryDetail"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}/deliveries/{delivery}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a delivery that is over once more, under its own id. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    delivery: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeliveryView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives an endpoint a new secret, which is in the answer and is not shown again. Until the overlap is over, deliveries carry two
         *     signatures.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RotateRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WebhookView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends an event of the name `webhook.test` to an endpoint, whichever events it asks for. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeliveryView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who one is here. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Whoami"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Workers that have not stopped, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Stopped ones too. */
                    stopped?: boolean;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_WorkerView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One worker, stopped or not. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkerView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers/{id}/cordon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Has a worker take no new runs until it is told to. What it has goes on. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["WhyRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkerView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers/{id}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a worker end: it takes no new runs, what it has may finish for `worker.drain_s` seconds, and the rest goes back to the queue
         *     without using up an attempt.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["WhyRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkerView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers/{id}/uncordon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Has a worker take runs again. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkerView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Runs, newest first. `cursor` goes on to older ones, `newer` back to newer ones. */
        get: {
            parameters: {
                query?: {
                    /** @description `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`; several, separated by commas. */
                    status?: string;
                    /** @description `resource`, `golden_path`, `child` or `preview`; without it, all but previews. */
                    kind?: string;
                    /** @description `create`, `read`, `update`, `delete` or `execute`. */
                    operation?: string;
                    /** @description On the resource of this id. */
                    resource?: string;
                    /** @description For the application of this name. */
                    application?: string;
                    /** @description Of the workflow of this name. */
                    workflow?: string;
                    /** @description Of the provider of this name. */
                    provider?: string;
                    /** @description In the queue of this name. */
                    queue?: string;
                    /** @description Of the team of this name. */
                    team?: string;
                    /** @description Started by a step of the run of this id. */
                    parent?: string;
                    /** @description Asked for by whoever is called so. */
                    requested_by?: string;
                    /** @description Failed with this code. */
                    error_code?: string;
                    /** @description Made then or later, as `2026-11-21T14:05:00Z`. */
                    since?: string;
                    /** @description Made before. */
                    until?: string;
                    /** @description Whose id, workflow, application or resource begins so. */
                    prefix?: string;
                    /** @description `previous_cursor` of a page, in place of `cursor`: the items next newer than that page's. */
                    newer?: string;
                    /** @description `next_cursor` of the page before; without it, the first page. */
                    cursor?: string;
                    /** @description Items a page has at most, 1 to 500. */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Page_RunView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancels or retries all runs that filters choose. Which ones these are is fixed now; the scheduler does one after the other,
         *     each once, and goes on after a crash.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["BulkRequest"];
                };
            };
            responses: {
                /** @description A dry run */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BulkPreview"];
                    };
                };
                202: {
                    headers: {
                        /** @description Its progress */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BulkView"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/execute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Starts a golden path. With `dry_run` it answers with the plan: steps, order, rendered configuration, images, privileges,
         *     conditions and what is unknown until run time; nothing is run.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ExecuteRequest"];
                };
            };
            responses: {
                /** @description The plan of a dry run */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PreviewAnswer"];
                    };
                };
                202: {
                    headers: {
                        /** @description The run */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunAccepted"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One run: steps, attempts, timings, outputs, and why it waits. */
        get: {
            parameters: {
                query?: {
                    /** @description Shows sensitive outputs; that it was done is recorded in the history. */
                    reveal?: boolean;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunDetail"];
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancels a run. A running one ends when its containers have stopped. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["CancelRequest"] | null;
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CancelAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a run waits: the code, what blocks it, what would end the wait, and how long that may take. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ExplanationView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/graph": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A run: the whole tree of runs that it is part of, with steps, times and the critical path. */
        get: {
            parameters: {
                query?: {
                    /** @description `json`, `dot` or `mermaid`; else what `Accept` names (`text/vnd.graphviz`, `text/vnd.mermaid`), else JSON. */
                    format?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GraphView"];
                        "text/vnd.graphviz": string;
                        "text/vnd.mermaid": string;
                    };
                };
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The log of a run: text, or with `Accept: text/event-stream` the events `line`, `gap`, `seal` and `end`. Reconnecting
         *     with `Last-Event-ID` goes on after that line: none is left out, none comes twice.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only this step's lines. */
                    step?: string;
                    /** @description Only this attempt's lines. */
                    attempt?: number;
                    /** @description Waits for more lines until the run is over. Server-sent events always do, unless this is `false`. */
                    follow?: boolean;
                    /** @description Only lines after this cursor; `Last-Event-ID` says the same and wins. */
                    after?: number;
                    /** @description Of what was printed so far only the last lines, as many as this, 1 to 100000. With `Last-Event-ID` it says nothing. */
                    tail?: number;
                };
                header?: {
                    /** @description Only lines after this one */
                    "Last-Event-ID"?: number | null;
                };
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                        "text/event-stream": components["schemas"]["LineView"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/logs/download": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The log of a run, of a step or of one attempt as a text file, as far as it is written by now. Lines of several steps begin
         *     with the step's name; where lines are missing, a line says so.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only this step's lines. */
                    step?: string;
                    /** @description Only this attempt's lines. */
                    attempt?: number;
                    /** @description Begins each line with when it was written, in UTC. */
                    timestamps?: boolean;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                429: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/logs/lines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lines of a log from any place in it, and how long it is. */
        get: {
            parameters: {
                query?: {
                    /** @description Only this step's lines. */
                    step?: string;
                    /** @description Only this attempt's lines. */
                    attempt?: number;
                    /** @description From the line with this cursor on; without it, from the first. */
                    from?: number;
                    /** @description The last lines before the one with this cursor, in place of `from`. */
                    before?: number;
                    /** @description Lines at most, 1 to 5000; long lines make it fewer. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LogRange"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/logs/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lines of a log that hold a text or match a pattern, and how many there are. Everything that was written is searched, in
         *     Postgres or in the archive; a search that takes more than ten seconds says how far it came.
         */
        get: {
            parameters: {
                query: {
                    /** @description The text, or with `regex` the pattern. */
                    q: string;
                    /** @description `q` is a pattern, in the syntax of Rust's `regex`: it takes time in proportion to the log, whatever it is. */
                    regex?: boolean;
                    /** @description Capital and small letters are the same. */
                    ignore_case?: boolean;
                    /** @description Only this step's lines. */
                    step?: string;
                    /** @description Only this attempt's lines. */
                    attempt?: number;
                    /** @description Only lines from this cursor on. */
                    from?: number;
                    /** @description Matches told at most, 1 to 1000. */
                    limit?: number;
                    /** @description `false`: stops when `limit` is reached, and counts no further. */
                    count?: boolean;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SearchResult"];
                    };
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/override-freeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a run begin, and go on, in spite of freezes. The reason is in the audit log and in the run's history. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OverrideRequest"];
                };
            };
            responses: {
                /** @description No freeze holds it any more */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/rerun": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs the workflow of a golden path, or of a run that a step started, again from its beginning, with other inputs. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty: the same inputs again */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RerunRequest"] | null;
                };
            };
            responses: {
                202: {
                    headers: {
                        /** @description The new run */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RerunAccepted"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a new run that goes on where a failed or cancelled one stopped, with its outcomes so far; with `from_step`, from
         *     that step on.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RetryRequest"] | null;
                };
            };
            responses: {
                202: {
                    headers: {
                        /** @description The new run */
                        Location?: string;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RetryAccepted"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/steps/{step}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Approves a step that waits for it. The first decision stands. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                    step: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["DecisionRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DecisionAnswer"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/steps/{step}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Rejects a step that waits for approval: it fails. The first decision stands. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                    step: string;
                };
                cookie?: never;
            };
            /** @description May be empty */
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["DecisionRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DecisionAnswer"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{id}/steps/{step}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a step begin that waits for a person to say so. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Carries the request out once, however often it is sent */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: string;
                    step: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DecisionAnswer"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process lives. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It lives */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process's figures and those of the queues, in the Prometheus text format. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests can be answered. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Readiness"];
                    };
                };
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Readiness"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ws/workflows/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The log of a run over a WebSocket: messages are JSON, of the types `lines`, `seal`, `end` and `heartbeat`. A connection that
         *     broke is made again with `after`, the cursor of the last line. Pages of other origins are refused.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only this step's lines. */
                    step?: string;
                    /** @description Only this attempt's lines. */
                    attempt?: number;
                    /** @description Only lines after this cursor: what a connection that broke has not brought. */
                    after?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Each text message is one of these */
                101: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SocketMessage"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                426: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
                429: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ProblemDetails"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, unknown>;
export interface components {
    schemas: {
        /** @description An account to be made. */
        AccountRequest: {
            /** @description Its name: up to 63 letters, digits, `-`, `_` and `.`. */
            name: string;
            /** @description What it may do. */
            roles: string[];
            /** @description The teams it belongs to. */
            teams?: string[];
        };
        /** @description An account of a program. */
        AccountView: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description By whom. */
            created_by: string;
            /**
             * Format: date-time
             * @description Since when its keys are refused.
             */
            disabled_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: int64
             * @description Its keys that work.
             */
            keys: number;
            /** @description Its name. */
            name: string;
            /** @description What it may do. */
            roles: string[];
            /** @description The teams it belongs to. */
            teams: string[];
        };
        /** @description Why. */
        ActRequest: {
            /** @description For whoever wonders. */
            reason?: string | null;
        };
        /** @description A resource that is asked for differently than before. */
        AlterationView: {
            /** @description The resource's name. */
            name: string;
            /** @description Which params differ, as written. */
            params: components["schemas"]["ChangeView"][];
        };
        /** @description What the caller may of that. */
        Answers: {
            /** @description One for each question, in their order. */
            answers: components["schemas"]["CanI"][];
        };
        /** @description An application with its latest spec and its resources. */
        ApplicationDetail: components["schemas"]["ApplicationView"] & {
            /** @description Its resources; of one that is being deleted, or was, also those that are gone since. */
            items: components["schemas"]["ResourceView"][];
            /**
             * Format: int32
             * @description The generation whose content it brought back, if it did.
             */
            restores?: number | null;
            /** @description The Score file of its latest generation, as JSON. */
            spec: Record<string, unknown>;
            /**
             * Format: date-time
             * @description When it was accepted.
             */
            submitted_at: string;
            /** @description The name of the key that it came with. */
            submitted_by: string;
            /** @description What compatibility mode had to say about it. */
            warnings: Record<string, unknown>[];
        };
        /** @description An application. */
        ApplicationView: {
            /**
             * Format: int64
             * @description How many of them are active.
             */
            active: number;
            /**
             * Format: date-time
             * @description When it was first submitted.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When its deletion was asked for.
             */
            delete_requested_at?: string | null;
            /**
             * Format: date-time
             * @description When its last resource was gone.
             */
            deleted_at?: string | null;
            /**
             * Format: date-time
             * @description When it will be deleted by itself.
             */
            expires_at?: string | null;
            /**
             * Format: date-time
             * @description Since when its protection, or that of a resource of it, keeps it beyond that time.
             */
            expiry_blocked_at?: string | null;
            /**
             * Format: int64
             * @description How many of them failed.
             */
            failed: number;
            /**
             * Format: int32
             * @description The number of its latest generation.
             */
            generation: number;
            /**
             * Format: uuid
             * @description Its id; a name may be used again after a deletion, an id is not.
             */
            id: string;
            /** @description Labels. */
            labels: Record<string, unknown>;
            /** @description Its name. */
            name: string;
            /** @description Whether it may not be deleted, by its spec or by a person. */
            protected: boolean;
            /**
             * Format: int64
             * @description How many resources it uses.
             */
            resources: number;
            /** @description The same in the words for resources: `active`, `failed`, `progressing`, `terminating`, `terminated`. */
            state: string;
            /** @description `active` when all its resources are, and as asked for; `failed` when one failed; `deleting`, `deleted`, or `progressing`. */
            status: string;
            /** @description The team that owns it. */
            team: string;
            /**
             * Format: date-time
             * @description When it changed last.
             */
            updated_at: string;
        };
        /** @description A step that waits for a decision, or waited for one. */
        ApprovalView: {
            /** @description The application that the run is for. */
            application?: string | null;
            /**
             * Format: date-time
             * @description When it was decided.
             */
            decided_at?: string | null;
            /** @description By whom. */
            decided_by?: string | null;
            /**
             * Format: date-time
             * @description When the time to decide is up.
             */
            expires_at?: string | null;
            /** @description What is to be decided. */
            message: string;
            /** @description What it means when nobody decides: `reject` or `approve`. */
            on_timeout: string;
            /** @description The workflow's provider. */
            provider: string;
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: date-time
             * @description When the step asked.
             */
            requested_at: string;
            /** @description Who asked for the run. */
            requested_by: string;
            /** @description The resource that it works on. */
            resource?: string | null;
            /** @description Roles that may decide; none: approvers. */
            roles: string[];
            /**
             * Format: uuid
             * @description The run.
             */
            run_id: string;
            /** @description `open`, `approved`, `rejected`, `expired` or `withdrawn`. */
            status: string;
            /** @description The step. */
            step: string;
            /** @description The team whose run it is. */
            team: string;
            /** @description Teams whose people may decide; none: all. */
            teams: string[];
            /** @description The run's workflow. */
            workflow: string;
        };
        /** @description What is approved. */
        ApproveRequest: {
            /** @description Hex of the digest of the preview that was looked at. */
            digest: string;
        };
        /** @description What a wish was answered with. */
        Asked: {
            /**
             * Format: uuid
             * @description The resource.
             */
            id: string;
            /** @description What happens now. */
            message: string;
        };
        /** @description One try of a step. */
        AttemptView: {
            /**
             * Format: date-time
             * @description When its command began, after its image was there and its container made. None: it did not, or nobody told yet, which
             *     of a step that prints nothing takes two seconds.
             */
            began_at?: string | null;
            /** @description Why it failed: a stable code. */
            error_code?: string | null;
            /** @description Why it failed, for people. */
            error_message?: string | null;
            /**
             * Format: int32
             * @description Its exit code.
             */
            exit_code?: number | null;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /** @description The image it ran in. */
            image: string;
            /** @description Which image that name meant then, `sha256:…`. */
            image_id?: string | null;
            /**
             * Format: int32
             * @description 1 for the first.
             */
            number: number;
            /** @description Whether the kernel killed a process of it for memory. */
            oom_killed: boolean;
            /**
             * Format: date-time
             * @description When it began.
             */
            started_at: string;
            /**
             * @description `running`, `completed`, `failed`, `cancelled`, or `lost` when its worker or engine went away.
             * @example completed
             */
            status: string;
            /**
             * Format: uuid
             * @description The worker that made it.
             */
            worker_id: string;
        };
        /** @description One thing that somebody did, or was refused. */
        AuditView: {
            /** @description What: `run.cancel`. */
            action: string;
            /** @description The actor's name. */
            actor: string;
            /**
             * Format: uuid
             * @description The actor's id.
             */
            actor_id?: string | null;
            /** @description `person`, `service_account`, `key`, `guest`, `system` or `unknown`. */
            actor_kind: string;
            /** @description From where. */
            address: string;
            /** @description How it was then, or why it was refused. */
            after?: Record<string, unknown> | null;
            /** @description With what program. */
            agent: string;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description How it was. */
            before?: Record<string, unknown> | null;
            /** @description What was shown: `key/ID` or `session/ID`. */
            credential: string;
            /** @description Its own hash. */
            hash?: string | null;
            /**
             * Format: int64
             * @description Its id.
             */
            id: number;
            /** @description To what: `run/ID`. */
            object: string;
            /** @description `done` or `refused`. */
            outcome: string;
            /** @description The hash of the entry before it. */
            previous?: string | null;
            /** @description The request's id, as in the log. */
            request_id: string;
            /**
             * Format: int64
             * @description Its number in the chain; none for a moment, until it is chained.
             */
            seq?: number | null;
            /** @description The team whose it is. */
            team?: string | null;
        };
        /** @description A place of a resource's params that would be another. */
        BatchChangeView: {
            /** @description What would be; none: nothing. */
            after?: Record<string, unknown> | null;
            /** @description What is there; none: nothing is. */
            before?: Record<string, unknown> | null;
            /** @description JSON pointer to the place. */
            path: string;
        };
        /** @description A batch with its waves, what it would do or does, and what it could not. */
        BatchDetail: components["schemas"]["BatchView"] & {
            /** @description The first hundred resources that could not be done. */
            failures: components["schemas"]["BatchFailure"][];
            /** @description What would be done, as it was when it was looked at last. */
            preview: components["schemas"]["PreviewView"];
            /** @description Its waves. */
            stages: components["schemas"]["StageView"][];
        };
        /** @description A resource that could not be done. */
        BatchFailure: {
            /** @description Its application. */
            application?: string | null;
            /** @description Why. */
            detail: string;
            /** @description Its name. */
            resource?: string | null;
            /**
             * Format: uuid
             * @description The resource.
             */
            resource_id: string;
            /**
             * Format: uuid
             * @description The run that failed; none: none could be made.
             */
            run_id?: string | null;
        };
        /** @description Resources that would be done alike. */
        BatchGroupView: {
            /** @description The version they have. */
            from_version?: string | null;
            plan?: components["schemas"]["BatchPlanView"] | null;
            /** @description Why nothing can be done for them: they are left out. */
            problem?: string | null;
            /** @description Their provider. */
            provider?: string | null;
            /**
             * Format: int32
             * @description How many they are.
             */
            resources: number;
            /**
             * Format: uuid
             * @description One of them.
             */
            sample: string;
            /** @description The version that does it. */
            to_version?: string | null;
            /** @description Their type. */
            type: string;
            /** @description By this workflow; none: by what their last run ran. */
            workflow?: string | null;
        };
        /** @description One resource of a batch, with what would be run for it. */
        BatchItemDetail: components["schemas"]["BatchItemView"] & {
            /** @description The workflow that made it what it was; none: nothing did yet. */
            from_workflow?: string | null;
            plan?: components["schemas"]["BatchPlanView"] | null;
            preview?: components["schemas"]["PreviewAnswer"] | null;
        };
        /** @description One resource of a batch. */
        BatchItemView: {
            /** @description Its application. */
            application?: string | null;
            /** @description What changes of its params. */
            changes: components["schemas"]["BatchChangeView"][];
            /** @description Why it is as it is. */
            detail?: string | null;
            /** @description Its environment; empty: it has none. */
            environment?: string | null;
            /**
             * Format: date-time
             * @description When it was done.
             */
            finished_at?: string | null;
            /** @description The version that it had. */
            from_version?: string | null;
            /**
             * Format: int32
             * @description Its place in the batch, from 1.
             */
            position: number;
            /** @description Its provider. */
            provider?: string | null;
            /** @description Its name. */
            resource?: string | null;
            /**
             * Format: uuid
             * @description The resource.
             */
            resource_id: string;
            /**
             * Format: uuid
             * @description The run that works on it, or did.
             */
            run_id?: string | null;
            /**
             * Format: date-time
             * @description When its run was made, or it was left out.
             */
            started_at?: string | null;
            /** @description The state that the resource is in now. */
            state?: string | null;
            /**
             * @description `open`, `running`, `succeeded`, `failed` or `skipped`.
             * @example open
             */
            status: string;
            /** @description That application's team. */
            team?: string | null;
            /** @description The version that it gets. */
            to_version?: string | null;
            /** @description Its type. */
            type?: string | null;
            /** @description Where its way back stands; none: it is not taken back. */
            undo?: string | null;
            /** @description Why that is as it is. */
            undo_detail?: string | null;
            /**
             * Format: uuid
             * @description The run that takes it back.
             */
            undo_run_id?: string | null;
            /**
             * Format: int32
             * @description The number of its wave, from 1.
             */
            wave: number;
            /** @description By this workflow. */
            workflow?: string | null;
        };
        /** @description A param that would be set. */
        BatchParamView: {
            /**
             * Format: int64
             * @description How many resources have something else.
             */
            differs: number;
            /** @description Its name. */
            name: string;
            /** @description What it would be; null: what the spec says. */
            value: Record<string, unknown>;
        };
        /** @description How the plan of a resource of a batch stands. */
        BatchPlanView: {
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            asked_at: string;
            /** @description Why it is as it is. */
            detail?: string | null;
            /**
             * Format: uuid
             * @description The preview, a run that changes nothing.
             */
            run_id?: string | null;
            /**
             * @description `pending`: a worker is to make it; `ready`; `failed`: it could not be made; `none`: there is nothing to plan; `gone`: it is not
             *     kept any more.
             * @example ready
             */
            status: string;
            /** @description The names of the steps that would be run, in their order, once it is ready. */
            steps: string[];
        };
        /** @description What is to be done to which resources, and how. */
        BatchRequest: {
            /** @description Approves it as well. */
            approve?: boolean;
            /** @description How long a wave is watched before the next begins, as `10m`. */
            bake?: string | null;
            /** @description Hex of the digest that a dry run gave; when what would be done is another by now, nothing is made. */
            digest?: string | null;
            /** @description Says what would be done, and makes nothing. */
            dry_run?: boolean;
            /** @description How many may fail: a number, or a percentage of the resources in the waves that have begun; 0 when nothing is said. */
            max_failures?: string | null;
            /**
             * Format: int32
             * @description Resources that are worked on at once, 1 to 1000; 10 when nothing is said.
             */
            max_in_flight?: number | null;
            /** @description What to call it; what it does, when nothing is said. */
            name?: string | null;
            /**
             * @description `update`, `reprovision`, `read`, `delete` or `retry`.
             * @example update
             */
            operation: string;
            /** @description Params to set in place of what the specs say; null takes back what a batch had set. For `update` and `reprovision`. */
            params?: Record<string, unknown>;
            /** @description The version of their providers that the resources are to have; for `update` and `reprovision`. */
            provider_version?: string | null;
            /** @description Why, for whoever wonders. */
            reason?: string | null;
            /**
             * @description Which resources: `type=postgres,provider=database-team@1,env=prod`. Keys are `type`, `class`, `provider` (with a version or range behind
             *     `@`), `team`, `env` (the label `env` or `environment`), `application`, `state`, `resource` (an id), `failed-in` (a batch's id: those that
             *     it could not do); anything else is a label, as in lists. Values side by side are separated by `|`. `*` is every resource.
             * @example type=postgres,provider=database-team@1
             */
            select: string;
            /** @description Has each wave looked at by reads before the next begins. */
            verify?: boolean;
            /**
             * @description How many resources have begun when each wave has, counted from the beginning.
             * @example 1,10%,50%,100%
             */
            waves?: string | null;
            /** @description The minutes in which runs may begin: five fields of cron, in UTC. */
            window?: string | null;
        };
        /** @description A batch, and how far it is. */
        BatchView: {
            /**
             * Format: date-time
             * @description When.
             */
            approved_at?: string | null;
            /** @description Who approved it. */
            approved_by?: string | null;
            /**
             * Format: int32
             * @description Seconds that each wave is watched.
             */
            bake_s: number;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description Why it is as it is, for people. */
            detail: string;
            /** @description Hex of the digest of what would be done. */
            digest: string;
            /**
             * Format: int32
             * @description How many could not be, or were not well afterwards.
             */
            failed: number;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: int32
             * @description On how many a run works, to do it or to take it back.
             */
            in_flight: number;
            /** @description How many may fail. */
            max_failures: string;
            /**
             * Format: int32
             * @description Resources that are worked on at once, at most.
             */
            max_in_flight: number;
            /** @description What it is called. */
            name: string;
            /**
             * @description `update`, `reprovision`, `read`, `delete` or `retry`.
             * @example update
             */
            operation: string;
            /** @description Params that are set in place of the specs'. */
            params: Record<string, unknown>;
            /** @description The version of their providers that the resources get. */
            provider_version?: string | null;
            /** @description Why, as whoever asked for it says. */
            reason: string;
            /**
             * Format: int32
             * @description How many have not begun.
             */
            remaining: number;
            /** @description Who asked for it. */
            requested_by: string;
            /**
             * Format: int32
             * @description How many are as they were again.
             */
            rolled_back: number;
            /** @description What chose the resources, as it was given. */
            select: string;
            /**
             * Format: int32
             * @description How many had nothing to be done, or nothing that may be.
             */
            skipped: number;
            /**
             * Format: date-time
             * @description When its first wave began.
             */
            started_at?: string | null;
            /**
             * @description `awaiting_approval`, `approval_void`, `running`, `paused`, `stopped`, `aborted`, `completed`, `rolling_back` or `rolled_back`.
             * @example running
             */
            status: string;
            /**
             * Format: int32
             * @description How many are done.
             */
            succeeded: number;
            /** @description Whose resources it is about. */
            teams: string[];
            /**
             * Format: int32
             * @description How many resources it is for. Which ones was fixed when it was made.
             */
            total: number;
            /** @description Whether reads look at each wave. */
            verify: boolean;
            /**
             * Format: int32
             * @description The number of the wave whose resources may begin, from 1.
             */
            wave: number;
            /**
             * @description How many resources have begun when each wave has.
             * @example 1,10%,50%,100%
             */
            waves: string;
            /** @description The minutes in which runs may begin, as cron has them, in UTC. */
            window?: string | null;
        };
        /** @description Something that blocks. */
        BlockerView: {
            /** @description Its id, or its name where names are what such things are known by; null: the caller may not know. */
            id?: string | null;
            /** @description `run`, `resource`, `step`, `queue`, `team`, `limit` or `freeze`. */
            kind: string;
            /** @description Where the API tells of it. */
            link?: string | null;
            /** @description What to call it. */
            name: string;
        };
        /** @description An operation, and what it could not be done to. */
        BulkDetail: components["schemas"]["BulkView"] & {
            /** @description The first hundred runs that it could not be done to. */
            failures: components["schemas"]["BulkFailure"][];
        };
        /** @description A run that it could not be done to. */
        BulkFailure: {
            /** @description Why. */
            detail: string;
            /**
             * Format: uuid
             * @description The run.
             */
            run_id: string;
        };
        /** @description What would be done. */
        BulkPreview: {
            /** @description What would be done. */
            action: string;
            /**
             * Format: int64
             * @description To how many runs; one more than `most` stands for any number beyond.
             */
            count: number;
            /**
             * Format: int64
             * @description How many runs one operation may be for.
             */
            most: number;
        };
        /** @description What is to be done to which runs. */
        BulkRequest: {
            /**
             * @description `retry` or `cancel`.
             * @example retry
             */
            action: string;
            /** @description Says how many runs these are, and does nothing. */
            dry_run?: boolean;
            /**
             * Format: int64
             * @description How many runs these are, as a dry run says; when they are more or fewer by now, nothing is done.
             */
            expected_count?: number | null;
            /**
             * @description Which runs: the filters of `GET /api/workflows`. Of those, the ones that this can be done to: `retry` is for failed and
             *     cancelled runs that were not retried yet and (unless `kind` says so) were not started by another run; `cancel` for runs
             *     that are not over.
             */
            filter: components["schemas"]["RunFilter"];
            /** @description Why, for the people who find runs cancelled. */
            reason?: string | null;
        };
        /** @description An operation on many runs, and how far it is. */
        BulkView: {
            /**
             * @description `retry` or `cancel`.
             * @example retry
             */
            action: string;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created_at: string;
            /**
             * Format: int32
             * @description How many are done.
             */
            done: number;
            /**
             * Format: int32
             * @description To how many it could not be done.
             */
            failed: number;
            /** @description Which runs were chosen, as it was given. */
            filter: Record<string, unknown>;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: int32
             * @description How many are left; of a stopped one, left undone.
             */
            remaining: number;
            /** @description Who asked for it. */
            requested_by: string;
            /** @description `running`, `stopped` or `finished`. */
            status: string;
            /**
             * Format: date-time
             * @description When it was stopped.
             */
            stopped_at?: string | null;
            /** @description By whom. */
            stopped_by?: string | null;
            /**
             * Format: int32
             * @description How many runs it is for. Which ones was fixed when it was asked for.
             */
            total: number;
        };
        /** @description Whether the caller may. */
        CanI: {
            /** @description What was asked for. */
            action: string;
            /** @description Whether. */
            allowed: boolean;
            /** @description The answer in words. */
            message: string;
            /** @description To what; none: to anything of the teams. */
            object?: string | null;
            /** @description Of one question among several that would get a problem instead of an answer: the last part of its `type`. */
            problem?: string | null;
            /** @description The teams in whose things it is allowed, when no object was named; none: in all. */
            teams?: string[] | null;
        };
        /** @description What became of the request to cancel. */
        CancelAnswer: {
            /**
             * Format: uuid
             * @description The run.
             */
            id: string;
            /** @description `cancelled`, or `cancelling` while its worker stops the containers. */
            status: string;
        };
        /** @description Why a run is to stop. */
        CancelRequest: {
            /** @description For the people who find it cancelled. */
            reason?: string | null;
        };
        /** @description One place at which two documents differ. */
        ChangeView: {
            /** @description What is there now; missing: nothing is. */
            after?: unknown;
            /** @description What was there; missing: nothing was. */
            before?: unknown;
            /** @description JSON pointer to the place. */
            path: string;
        };
        /** @description What a submission changes. */
        ChangesView: {
            /** @description Resources that are made, what they need first. */
            create: string[];
            /** @description Shared resources that the application lets go of and others go on using. */
            release: string[];
            /** @description Resources that are removed, what rests on them first. Those in `create` too are made anew once they are gone. */
            remove: string[];
            /** @description Resources that are changed, what they need first. */
            update: components["schemas"]["AlterationView"][];
        };
        /** @description How many have a name in common. */
        CountedView: {
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description The name; empty: they have none. */
            name: string;
        };
        /** @description What was shown to be let in. */
        CredentialView: {
            /**
             * Format: date-time
             * @description When it ends by itself.
             */
            expires_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id?: string | null;
            /** @description `key`, `session` or `none`. */
            kind: string;
        };
        /** @description The longest chain by measured time: to be faster, shorten something on it. */
        CriticalPathView: {
            /** @description Ids of its nodes, in the order of time. */
            nodes: string[];
            /**
             * Format: double
             * @description Seconds of it in which a step ran.
             */
            running_s: number;
            /**
             * Format: double
             * @description Seconds of it in which nothing ran.
             */
            waiting_s: number;
        };
        /** @description Why a person decides. */
        Decision: {
            /** @description Kept in the history. */
            reason?: string;
        };
        /** @description What became of a step that a person decided about. */
        DecisionAnswer: {
            /**
             * Format: uuid
             * @description The run.
             */
            run_id: string;
            /** @description `approved`, `rejected` or `started`. */
            status: string;
            /** @description The step. */
            step: string;
        };
        /** @description Why it is decided so. */
        DecisionRequest: {
            /** @description For the people who find it decided, and for the steps that come after. */
            reason?: string | null;
        };
        /** @description What became of the request to delete. */
        DeletionAnswer: {
            /** @description What happens now, for people. */
            message: string;
            /** @description The application's name. */
            name: string;
            /** @description `deleting`, or `deleted` when nothing had to be removed first. */
            status: string;
        };
        /** @description A delivery with what was sent and every try. */
        DeliveryDetail: components["schemas"]["DeliveryView"] & {
            /** @description What is sent: a CloudEvent. */
            payload: Record<string, unknown>;
            /** @description The tries, the first first. */
            tries: components["schemas"]["TryView"][];
        };
        /** @description A delivery. */
        DeliveryView: {
            /**
             * Format: int32
             * @description Tries so far.
             */
            attempts: number;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /**
             * Format: date-time
             * @description When it is given up.
             */
            give_up_at: string;
            /**
             * Format: uuid
             * @description Its id, which receivers find in `webhook-id`; the same over all tries.
             */
            id: string;
            /** @description Why the last try did not succeed. */
            last_error?: string | null;
            /**
             * Format: int32
             * @description The status of the last answer.
             */
            last_status?: number | null;
            /**
             * Format: date-time
             * @description When the next one is due.
             */
            next_attempt_at?: string | null;
            /** @description `pending`, `delivered` or `failed`. */
            status: string;
            /** @description The event's name; `webhook.test` for a test. */
            type: string;
        };
        /** @description What workers of a queue are needed for. */
        Demand: {
            /**
             * Format: int64
             * @description Runs that need a slot, or have one: `waiting`, `queued` and `running`. 0: no worker is needed.
             */
            demand: number;
            /** @description The queue. */
            queue: string;
            /**
             * Format: int64
             * @description Runs whose ticket is out.
             */
            queued: number;
            /**
             * Format: int64
             * @description Runs that a worker drives.
             */
            running: number;
            /**
             * Format: int64
             * @description Their slots.
             */
            slots: number;
            /**
             * Format: int64
             * @description Runs that could start now. Those that wait for anything but a slot are not among them, nor those of a paused queue.
             */
            waiting: number;
            /**
             * Format: int64
             * @description Live workers that serve it.
             */
            workers: number;
        };
        /** @description What depends on the resources, and is not of the batch. */
        DependentsView: {
            /** @description Whose they are. */
            by_team: components["schemas"]["CountedView"][];
            /**
             * Format: int64
             * @description How many resources.
             */
            count: number;
        };
        /** @description What to show, and what to poll with. */
        DeviceAnswer: {
            /** @description For `POST /api/login/token`; to be kept. */
            device_code: string;
            /**
             * Format: int64
             * @description Seconds until it is too late.
             */
            expires_in: number;
            /**
             * Format: int32
             * @description Seconds between two polls.
             */
            interval: number;
            /** @description For the person to type. */
            user_code: string;
            /** @description Where they type it. */
            verification_uri: string;
        };
        /** @description Who asks. */
        DeviceRequest: {
            /**
             * @description What the program calls itself; the person is shown it.
             * @default
             */
            client: string;
        };
        /** @description Whether an account's keys are to be refused. */
        DisabledRequest: {
            /** @description Whether they are. */
            disabled: boolean;
        };
        /**
         * @description How long things took, in seconds: half of them, 95 of 100, 99 of 100 no longer than that. Read from buckets, so about a quarter off at
         *     most.
         */
        Durations: {
            /**
             * Format: int64
             * @description How many they were.
             */
            count: number;
            /**
             * Format: double
             * @description Half of them.
             */
            p50_s: number;
            /**
             * Format: double
             * @description 95 of 100.
             */
            p95_s: number;
            /**
             * Format: double
             * @description 99 of 100.
             */
            p99_s: number;
        };
        /** @description How two things hang together. */
        EdgeView: {
            /** @description Whether it is on the critical path. */
            critical: boolean;
            /** @description A node's id. */
            from: string;
            /**
             * @description `uses`, `precedes`, `served_by`, `has`, `contains`, `before`, `starts` or `retried_by`.
             * @example before
             */
            kind: string;
            /** @description Another node's id. */
            to: string;
        };
        /** @description The data of an `end` event: the run is over and every line was sent. */
        EndView: {
            /** @description How the run ended. */
            status: string;
        };
        /** @description A guess. */
        EstimateView: {
            /** @description What it rests on. */
            basis: string;
            /**
             * Format: double
             * @description From now on.
             */
            seconds: number;
        };
        /** @description The data of an event without a name of its own. Its id is a place in the stream. */
        EventView: {
            /** @description Who did it; `system` when nobody asked. */
            actor: string;
            /** @description The application. */
            application?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            application_id?: string | null;
            /**
             * Format: date-time
             * @description When it happened.
             */
            at: string;
            /** @description Anything more. */
            data: Record<string, unknown>;
            /** @description Its queue. */
            queue?: string | null;
            /** @description The resource. */
            resource?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            resource_id?: string | null;
            /**
             * Format: uuid
             * @description The run.
             */
            run_id?: string | null;
            /** @description Its step. */
            step?: string | null;
            /** @description The team whose it is; none: the installation's. */
            team?: string | null;
            /** @description What: `run.failed`, `resource.active`, `step.started`, …. */
            type: string;
            /** @description Its workflow. */
            workflow?: string | null;
        };
        /** @description How to start it. */
        ExampleView: {
            /** @description The command line, with the parameters that must be given. */
            cli: string;
            /** @description Body for `POST /api/golden-paths/{name}/run`, with every parameter that has a value to show. */
            request: Record<string, unknown>;
        };
        /** @description What was confirmed. */
        Exchange: {
            /** @description The code. */
            code: string;
            /** @enum {string} */
            grant: "code";
            /** @description What the challenge was the SHA-256 of. */
            verifier: string;
        } | {
            /** @description The code. */
            device_code: string;
            /** @enum {string} */
            grant: "device";
        };
        /** @description Which golden path to start, and with what. */
        ExecuteRequest: {
            /** @description Shows what would be run, and runs nothing. */
            dry_run?: boolean;
            /** @description Values for its parameters. */
            inputs?: Record<string, unknown>;
            /**
             * Format: int32
             * @description Higher goes first, from -100 to 100.
             */
            priority?: number;
            /** @description Its provider, or `NAME@VERSION`; needed only when several have a golden path of that name. */
            provider?: string | null;
            /** @description The queue it goes through; `default` when nothing is said. */
            queue?: string | null;
            /** @description The team whose share it uses; `default` when nothing is said. */
            team?: string | null;
            /** @description Name of the golden path. `golden_path` means the same. */
            workflow: string;
        };
        /** @description How long it would take. */
        ExpectedView: {
            /** @description What that rests on, in words. */
            basis: string;
            /**
             * Format: int64
             * @description In seconds.
             */
            seconds: number;
        };
        /** @description Whether the caller may, and what that rests on. */
        Explanation: components["schemas"]["CanI"] & {
            /** @description Roles whose holders in the object's team may do it. */
            allowed_roles: string[];
            /** @description The caller's teams. */
            caller_teams: string[];
            /**
             * @description What kind of caller.
             * @example person
             */
            kind: string;
            /** @description The caller's name. */
            name: string;
            /** @description The team whose the object is. */
            object_team?: string | null;
            /** @description The policies that permit it, or those that forbid it; empty: no policy permits it. */
            policies: string[];
            /** @description The caller's roles. */
            roles: string[];
            /** @description The scopes of the caller's key; none: all that the roles allow. */
            scopes?: string[] | null;
        };
        /** @description Why something waits. */
        ExplanationView: {
            /** @description What blocks it, at most 50 of them. */
            blocked_by: components["schemas"]["BlockerView"][];
            /** @description Why it waits, as `reason` of a run; null: it does not. */
            code?: string | null;
            estimate?: components["schemas"]["EstimateView"] | null;
            /**
             * Format: int64
             * @description Its place, from 1, among the ready runs of its team in its queue, or among those of its group that wait; 10001: or further back.
             */
            position?: number | null;
            /**
             * Format: uuid
             * @description The run that waits, or is on its way; null: there is none, or the caller may not know of it.
             */
            run?: string | null;
            /**
             * Format: date-time
             * @description Since when it waits.
             */
            since?: string | null;
            /** @description Where the run stands, or else the resource. */
            status: string;
            /** @description What would end the wait. */
            unblocked_by?: string | null;
            /** @description In words. */
            what: string;
        };
        /** @description A resource that failed, and what to do about it. */
        FailedResource: {
            /** @description Why it failed: a stable code. */
            error_code?: string | null;
            /** @description Why it failed, for people. */
            error_message?: string | null;
            /**
             * Format: uuid
             * @description The resource.
             */
            id: string;
            /** @description The resource's name. */
            name: string;
            /** @description The command that tries again. */
            retry: string;
            /**
             * Format: uuid
             * @description The run that failed.
             */
            run_id?: string | null;
        };
        /** @description A run that failed. */
        FailureView: {
            /** @description The application it was for. */
            application?: string | null;
            /** @description Why it failed. */
            error_code?: string | null;
            /** @description Why, for people. */
            error_message?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description The run's id.
             */
            id: string;
            /** @description The resource it worked on. */
            resource?: string | null;
            /** @description Its team. */
            team: string;
            /** @description Its workflow. */
            workflow: string;
        };
        /** @description A freeze to be made: by `cron`, `duration_s` and perhaps `time_zone`, or by `starts_at` and `ends_at`. */
        FreezeRequest: {
            /** @description When it begins, again and again: five fields of cron, as `0 18 * * fri`. */
            cron?: string | null;
            /**
             * Format: int32
             * @description Seconds that it lasts then: from a minute to 31 days.
             */
            duration_s?: number | null;
            /**
             * Format: date-time
             * @description When it is over, once.
             */
            ends_at?: string | null;
            /** @description The environment that it is about, the label `env` or `environment` of resources, else of applications; all when nothing is said. */
            environment?: string | null;
            /** @description Its name: a letter or digit first, then also `-`, `_` and `.`, at most 63. */
            name: string;
            /** @description Why, for whoever wonders, in 500 characters at most. */
            reason?: string;
            /**
             * Format: date-time
             * @description When it begins, once; now when only its end is said.
             */
            starts_at?: string | null;
            /** @description The team whose runs it is about; all when nothing is said. */
            team?: string | null;
            /** @description The time zone in which that is meant, by its name, as `Europe/Berlin`; else UTC. */
            time_zone?: string | null;
        };
        /** @description A freeze. */
        FreezeView: {
            /** @description When it begins, again and again: five fields of cron. */
            cron?: string | null;
            /**
             * Format: int32
             * @description Seconds that it lasts then.
             */
            duration_s?: number | null;
            /**
             * Format: date-time
             * @description When it is over, once.
             */
            ends_at?: string | null;
            /** @description The environment that it is about, the label `env` or `environment` of resources, else of applications; null: all. */
            environment?: string | null;
            /**
             * Format: date-time
             * @description When they did.
             */
            made_at: string;
            /** @description Who made it. */
            made_by: string;
            /** @description Its name. */
            name: string;
            /** @description Whether it is on. */
            on: boolean;
            /**
             * Format: date-time
             * @description When the time that is on began, or the next one begins.
             */
            open_from?: string | null;
            /**
             * Format: date-time
             * @description When that is over.
             */
            open_until?: string | null;
            /** @description Why, for whoever wonders. */
            reason: string;
            /**
             * Format: date-time
             * @description When it begins, once.
             */
            starts_at?: string | null;
            /** @description The team whose runs it is about; null: all. */
            team?: string | null;
            /** @description The time zone in which that is meant. */
            time_zone?: string | null;
        };
        /** @description One generation with its content. */
        GenerationDetail: components["schemas"]["GenerationView"] & {
            /** @description Tags and workflows that came beside it. */
            choices: Record<string, unknown>;
            /** @description Each place at which its content differs from the generation before. */
            diff: components["schemas"]["ChangeView"][];
            /** @description The Score file as JSON. */
            spec: Record<string, unknown>;
            /** @description What compatibility mode had to say about it. */
            warnings: Record<string, unknown>[];
        };
        /** @description Generations, newest first. */
        GenerationPage: {
            /** @description Its items. */
            items: components["schemas"]["GenerationView"][];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
        };
        /** @description A generation of an application: one accepted submission. */
        GenerationView: {
            /** @description Resources that the generation before did not have. */
            added: string[];
            /** @description Resources that it asks for differently. */
            changed: string[];
            /**
             * Format: date-time
             * @description When it was accepted.
             */
            created_at: string;
            /** @description Whether it is the latest. */
            current: boolean;
            /**
             * Format: int32
             * @description Its number.
             */
            number: number;
            /** @description Whether anything beside the resources differs: containers, service, metadata, the choice of workflows. */
            others: boolean;
            /** @description Resources that only the generation before had. */
            removed: string[];
            /**
             * Format: int32
             * @description The generation whose content it brought back, if it did.
             */
            restores?: number | null;
            /** @description The name of the key that it came with. */
            submitted_by: string;
        };
        /** @description A golden path with all that there is to know before it is started. */
        GoldenPathDetail: components["schemas"]["GoldenPathView"] & {
            /** @description How to start it. */
            example: components["schemas"]["ExampleView"];
            /** @description Names of what its runs give back. */
            outputs: string[];
            /** @description What it takes, in the order of its file. */
            parameters: components["schemas"]["ParameterView"][];
            /** @description Its steps, in order. */
            steps: components["schemas"]["PathStepView"][];
        };
        /** @description A golden path. */
        GoldenPathView: {
            /** @description For people. */
            description?: string | null;
            estimated_duration?: components["schemas"]["PastDurationView"] | null;
            /** @description What kind of golden path it is, in its provider's words. */
            group?: string | null;
            /** @description Its name. */
            name: string;
            /** @description Parameters that may be given. */
            optional: string[];
            /** @description The provider that has it. */
            provider: string;
            /** @description That provider's version. */
            provider_version: string;
            /** @description Parameters that must be given. */
            required: string[];
            /** @description How long it takes in its provider's words. */
            stated_duration?: string | null;
            /** @description Tags. */
            tags: string[];
            /** @description Why it cannot run on this instance, if so. */
            unavailable?: string | null;
            /** @description Its version. */
            version?: string | null;
        };
        /** @description A graph. Every edge names nodes that are in it. */
        GraphView: {
            /** @description The chain that decided how long all of it took. */
            critical_path: components["schemas"]["CriticalPathView"];
            /** @description Its edges. */
            edges: components["schemas"]["EdgeView"][];
            /** @description Its nodes. */
            nodes: components["schemas"]["NodeView"][];
            /** @description Whether there is more than is shown. */
            truncated: boolean;
        };
        /** @description Where the record ends. */
        HeadView: {
            /**
             * Format: date-time
             * @description When it was looked at.
             */
            at: string;
            /** @description Its hash. */
            hash: string;
            /** @description The installation. */
            instance: string;
            /** @description The public key of the signature. */
            key?: string | null;
            /**
             * Format: int64
             * @description The number of the last chained entry; 0: there is none.
             */
            seq: number;
            /** @description An Ed25519 signature over all that, when `audit.signing_key` is set. */
            signature?: string | null;
            /** @description How streams to elsewhere stand. */
            streams: components["schemas"]["StreamView"][];
            /**
             * Format: int64
             * @description Entries that are not chained yet, counted up to a thousand.
             */
            unchained: number;
        };
        /** @description How it went. */
        History: {
            /**
             * Format: date-time
             * @description When the first point begins.
             */
            from: string;
            /** @description One for each step, in order, also when nothing happened in it. */
            points: components["schemas"]["Point"][];
            /** @description The queue; none: all together. */
            queue?: string | null;
            /**
             * Format: int64
             * @description Seconds of each.
             */
            step_s: number;
            /**
             * Format: date-time
             * @description When the last one is over.
             */
            to: string;
        };
        /** @description What happened to a resource, and when. */
        HistoryEntry: {
            /** @description Who did it. */
            actor: string;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Anything more. */
            data: Record<string, unknown>;
            /**
             * Format: uuid
             * @description The run it happened in.
             */
            run_id?: string | null;
            /** @description The step it happened in. */
            step?: string | null;
            /** @description What: `resource.active`, `run.failed`, …. */
            type: string;
        };
        /** @description A resource that was made elsewhere. */
        ImportRequest: {
            /** @description What it gives, by name: what its provider's create workflow would have given. */
            outputs?: Record<string, unknown>;
            /** @description Kept in the history. */
            reason?: string;
            /** @description Names among the outputs that are masked wherever they are shown. */
            sensitive?: string[];
        };
        /** @description One thing that is wrong with what was sent. */
        InputError: {
            /** @description What kind of mistake it is; stable. */
            code: string;
            /**
             * Format: int32
             * @description Column in that line, from 1, in characters.
             */
            column?: number | null;
            /**
             * Format: int32
             * @description Line in the body, from 1.
             */
            line?: number | null;
            /** @description What is wrong. */
            message: string;
            /** @description JSON pointer to the value; empty for the document as a whole. */
            path: string;
        };
        /** @description What became of a credential. */
        IntegrationAnswer: {
            /** @description Whether it was tried, and is good. */
            checked: boolean;
            /** @description The same for people. */
            message: string;
            /** @description Its name. */
            name: string;
            /**
             * Format: int32
             * @description Its version; none: it is gone.
             */
            version?: number | null;
        };
        /** @description A credential for another system. Its secret is shown to nobody. */
        IntegrationView: {
            /** @description What was wrong with it then. */
            check_error?: string | null;
            /**
             * Format: date-time
             * @description When it was tried last; none: it cannot be.
             */
            checked_at?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description Who stored it first. */
            created_by: string;
            /** @description `git`, `registry`, `aws`, `gcp`, `azure` or `chat`. */
            kind: string;
            /** @description What to call it. */
            name: string;
            /** @description What is no secret about it. */
            settings: Record<string, unknown>;
            /**
             * Format: date-time
             * @description When.
             */
            updated_at: string;
            /** @description Who changed it last. */
            updated_by: string;
            /**
             * Format: int32
             * @description Rises with each change.
             */
            version: number;
        };
        /** @description A key. */
        KeyAnswer: {
            /** @description It; not to be shown again. */
            api_key: string;
            /**
             * Format: date-time
             * @description When it ends.
             */
            expires_at: string;
            /** @description Whose it is. */
            name: string;
        };
        /** @description The keys of the instance. */
        KeyList: {
            /** @description The current one first. */
            items: components["schemas"]["SecretKeyView"][];
            /** @description What is wrong, and what to do; none: all is well. */
            problem?: string | null;
        };
        /** @description A key to be made. */
        KeyRequest: {
            /** @description How long it lasts, as `90d` or `12h`; without it, `limits.key_days`. */
            expires_in?: unknown;
            /** @description What to call it, up to 63 characters. */
            name: string;
            /** @description What it may do; without it, all that its owner may. */
            roles?: string[] | null;
            /** @description What it is good for, as `run.read` or `run.*`; without it, all that the roles allow. */
            scopes?: string[] | null;
            /** @description The teams it is for; without it, all of its owner's. */
            teams?: string[] | null;
        };
        /** @description A key, without its secret. */
        KeyView: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description By whom. */
            created_by?: string | null;
            /**
             * Format: date-time
             * @description When it ends by itself.
             */
            expires_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description From where. */
            last_used_address?: string | null;
            /**
             * Format: date-time
             * @description When it was used last, to the minute.
             */
            last_used_at?: string | null;
            /** @description The name it was given. */
            name: string;
            /** @description What its owner is called. */
            owner?: string | null;
            /** @description `person`, `service_account`, or none when it belongs to nobody. */
            owner_kind?: string | null;
            /** @description Its first characters, to recognise it by. */
            prefix: string;
            /**
             * Format: uuid
             * @description The key whose place it took.
             */
            replaces?: string | null;
            /**
             * Format: date-time
             * @description Since when it is refused.
             */
            revoked_at?: string | null;
            /** @description What it may do, within what its owner may; none: all of that. */
            roles?: string[] | null;
            /** @description What it is good for, as `run.read` or `run.*`; none: all that the roles allow. */
            scopes?: string[] | null;
            /** @description The teams it is for, likewise. */
            teams?: string[] | null;
        };
        /** @description What is to go at once. */
        LimitRequest: {
            /**
             * Format: int32
             * @description How many runs, from 0 (none begins) to 10000; of a group at most 1000.
             */
            most: number;
            /** @description Why, for whoever wonders. */
            reason?: string;
        };
        /** @description A limit. */
        LimitView: {
            /** @description `team`, `type`, `provider`, `queue` or `group`. */
            kind: string;
            /**
             * Format: date-time
             * @description When they did.
             */
            made_at: string;
            /** @description Who made it. */
            made_by: string;
            /**
             * Format: int32
             * @description How many runs go at once.
             */
            most: number;
            /** @description Of which name. */
            name: string;
            /** @description Why, for whoever wonders. */
            reason: string;
            /**
             * Format: int64
             * @description How many do now.
             */
            used: number;
        };
        /** @description A line of a log. */
        LineOut: {
            /**
             * Format: date-time
             * @description When it was written.
             */
            at: string;
            /**
             * Format: int32
             * @description The number of the try.
             */
            attempt: number;
            /**
             * Format: int64
             * @description The line's place in the log of the whole run.
             */
            cursor: number;
            /**
             * Format: int64
             * @description The line's place in the log of that attempt.
             */
            seq: number;
            /** @description The step's name. */
            step: string;
            /** @description `stdout`, `stderr`, `system`, or `gap` where lines are missing. */
            stream: string;
            /** @description The line; of a gap, why lines are missing. */
            text: string;
        };
        /** @description The data of a `line` or `gap` event. Its id is the line's cursor in the whole run. */
        LineView: {
            /**
             * Format: date-time
             * @description When it was written.
             */
            at: string;
            /**
             * Format: int32
             * @description The number of the try.
             */
            attempt: number;
            /**
             * Format: int64
             * @description The line's place in the log of the whole run.
             */
            cursor: number;
            /**
             * Format: int64
             * @description The line's place in the log of that attempt.
             */
            seq: number;
            /** @description The step's name. */
            step: string;
            /** @description `stdout`, `stderr`, `system`, or `gap` where lines are missing. */
            stream: string;
            /** @description The line; of a gap, why lines are missing. */
            text: string;
        };
        /** @description A part of a log. */
        LogRange: {
            /** @description Its attempts: those that are complete, and those that wrote lately. */
            attempts: components["schemas"]["PartView"][];
            /** @description The lines, in order; one whose `stream` is `gap` says that lines are missing there. */
            lines: components["schemas"]["LineOut"][];
            /**
             * Format: int64
             * @description Give it as `from` to get the lines that follow; none: there are none yet.
             */
            next?: number | null;
            /** @description Whether the run is over, so that no more will come. */
            over: boolean;
            /**
             * Format: int64
             * @description Give it as `before` to get the lines before; none: there are none.
             */
            previous?: number | null;
            /**
             * Format: int64
             * @description Lines that the whole run has so far. Cursors go from 1 to here without a hole.
             */
            total: number;
        };
        /** @description What the scheduler found. */
        LookView: {
            /**
             * Format: int64
             * @description The number of the set that is current; it rises with every change.
             */
            generation: number;
            /** @description Everything that is wrong: message, and file, line and column where there are any. */
            problems: Record<string, unknown>[];
            /** @description `name@version` of every provider of the set. */
            providers: string[];
            /** @description Each source that was looked at: name, status, commit, problems, warnings. */
            sources: Record<string, unknown>[];
            /** @description Whether nothing is wrong anywhere. */
            valid: boolean;
        };
        /** @description A mark to be made. */
        MarkRequest: {
            /**
             * Format: date-time
             * @description When it was, or began; now when nothing is said.
             */
            at?: string | null;
            /** @description `deploy`, `incident` or `note`. */
            kind: string;
            /** @description Where there is more about it: `https://…` or `http://…`. */
            link?: string | null;
            /** @description Whose it is to be. Without it your only team's, which is asked for where you have several; of admins, everybody's. */
            team?: string | null;
            /** @description What happened, in 200 characters at most. */
            title: string;
            /**
             * Format: date-time
             * @description When it was over.
             */
            until?: string | null;
        };
        /** @description A mark. */
        MarkView: {
            /**
             * Format: date-time
             * @description When it was, or began.
             */
            at: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description `deploy`, `incident` or `note`. */
            kind: string;
            /** @description Where there is more about it. */
            link?: string | null;
            /**
             * Format: date-time
             * @description When they did.
             */
            made_at: string;
            /** @description Who made the mark. */
            made_by: string;
            /** @description Whose it is; none: everybody's. */
            team?: string | null;
            /** @description What happened. */
            title: string;
            /**
             * Format: date-time
             * @description When it was over; none: it is a moment, or goes on.
             */
            until?: string | null;
        };
        /** @description A line that matches. */
        MatchView: components["schemas"]["LineOut"] & {
            /** @description Where in its text: first and past the last, in UTF-16 units as JavaScript counts; the first hundred. */
            places: [
                number,
                number
            ][];
        };
        /** @description A message. */
        MessageView: {
            /**
             * Format: int32
             * @description Tries so far.
             */
            attempts: number;
            /**
             * Format: int64
             * @description How many things it tells of.
             */
            count: number;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Its id; the same over all tries.
             */
            id: string;
            /** @description The first of them. */
            items: Record<string, unknown>[];
            /** @description What the receiver said to the last try. */
            last_answer?: string | null;
            /** @description Why the last try did not succeed. */
            last_error?: string | null;
            /**
             * Format: date-time
             * @description When the next one is due.
             */
            next_attempt_at?: string | null;
            /** @description `pending`, `delivered` or `failed`. */
            status: string;
            /** @description It in one line. */
            subject: string;
        };
        /** @description A key that was just made. */
        NewKeyAnswer: components["schemas"]["KeyView"] & {
            /** @description Its secret. It is not stored and is not shown again, also not to the same request sent twice: that is answered `null`. */
            key?: string | null;
            /** @description For people. */
            message: string;
            /**
             * Format: date-time
             * @description Until when the key works whose place this one takes.
             */
            old_until?: string | null;
        };
        /** @description What a secret is to hold: exactly one of both. */
        NewSecret: {
            /**
             * @description Where others keep the value: `database#password` below the team's folder in Vault, or `aws:`, `gcp:` or `azure:` and what is
             *     the team's there.
             */
            source?: string | null;
            /** @description The value, at most 64 KiB. */
            value?: string | null;
        };
        /** @description A view to keep. */
        NewView: {
            /** @description What to call it: 1 to 80 characters. */
            name: string;
            /** @description The page it is of: lower-case letters and `-`, at most 40. */
            page: string;
            /** @description What stands behind the `?` of the page's address, at most 2,000 bytes. */
            query: string;
            /** @description The team whose it is to be; without it, one's own. */
            team?: string | null;
        };
        /** @description One thing. */
        NodeView: {
            /** @description Whether it is on the critical path. */
            critical: boolean;
            /** @description A resource's or step's type, a run's operation, a provider's version. */
            detail?: string | null;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /** @description `<kind>/<its own id>`; the same each time. */
            id: string;
            /**
             * @description `application`, `resource`, `provider`, `run` or `step`.
             * @example step
             */
            kind: string;
            /** @description Its name. */
            name: string;
            /** @description Why it does not go on, or why it failed. */
            reason?: string | null;
            /**
             * Format: double
             * @description Seconds something of it ran.
             */
            running_s?: number | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            started_at?: string | null;
            /** @description Its state or status, where it has one. */
            status?: string | null;
            /**
             * Format: double
             * @description Seconds it could have gone on and did not: in line, suspended, between two tries.
             */
            waiting_s?: number | null;
        };
        /** @description An output of a resource. */
        OutputView: {
            /** @description Its name. */
            name: string;
            /** @description Whether it is sensitive. */
            sensitive: boolean;
            /** @description Its value, sensitive or not. */
            value: Record<string, unknown>;
        };
        /** @description Why a run is to begin in spite of a freeze. */
        OverrideRequest: {
            /** @description In words, from 1 to 500 characters. */
            reason: string;
        };
        /**
         * @description Everything at one look. Queues, workers and the last hour are those of the installation; runs, resources, approvals and failures
         *     those that the caller may read.
         */
        Overview: {
            /**
             * Format: int64
             * @description Questions that wait for a decision.
             */
            approvals_open: number;
            /** @description The last failed runs, newest first, 10 at most. */
            failures: components["schemas"]["FailureView"][];
            /** @description The last hour, of all queues together. */
            hour: components["schemas"]["Point"];
            /** @description The queues by name, 100 at most. */
            queues: components["schemas"]["QueueView"][];
            /** @description Resources by state: exact counts. */
            resources: {
                [key: string]: number;
            };
            /** @description Runs by status, previews left out: exact counts. */
            runs: {
                [key: string]: number;
            };
            /** @description The workers. */
            workers: components["schemas"]["WorkersView"];
        };
        /** @description A page of a list, newest first or by name. */
        Page_AccountView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description By whom. */
                created_by: string;
                /**
                 * Format: date-time
                 * @description Since when its keys are refused.
                 */
                disabled_at?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * Format: int64
                 * @description Its keys that work.
                 */
                keys: number;
                /** @description Its name. */
                name: string;
                /** @description What it may do. */
                roles: string[];
                /** @description The teams it belongs to. */
                teams: string[];
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_ApplicationView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: int64
                 * @description How many of them are active.
                 */
                active: number;
                /**
                 * Format: date-time
                 * @description When it was first submitted.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When its deletion was asked for.
                 */
                delete_requested_at?: string | null;
                /**
                 * Format: date-time
                 * @description When its last resource was gone.
                 */
                deleted_at?: string | null;
                /**
                 * Format: date-time
                 * @description When it will be deleted by itself.
                 */
                expires_at?: string | null;
                /**
                 * Format: date-time
                 * @description Since when its protection, or that of a resource of it, keeps it beyond that time.
                 */
                expiry_blocked_at?: string | null;
                /**
                 * Format: int64
                 * @description How many of them failed.
                 */
                failed: number;
                /**
                 * Format: int32
                 * @description The number of its latest generation.
                 */
                generation: number;
                /**
                 * Format: uuid
                 * @description Its id; a name may be used again after a deletion, an id is not.
                 */
                id: string;
                /** @description Labels. */
                labels: Record<string, unknown>;
                /** @description Its name. */
                name: string;
                /** @description Whether it may not be deleted, by its spec or by a person. */
                protected: boolean;
                /**
                 * Format: int64
                 * @description How many resources it uses.
                 */
                resources: number;
                /** @description The same in the words for resources: `active`, `failed`, `progressing`, `terminating`, `terminated`. */
                state: string;
                /** @description `active` when all its resources are, and as asked for; `failed` when one failed; `deleting`, `deleted`, or `progressing`. */
                status: string;
                /** @description The team that owns it. */
                team: string;
                /**
                 * Format: date-time
                 * @description When it changed last.
                 */
                updated_at: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_ApprovalView: {
            /** @description Its items. */
            items: {
                /** @description The application that the run is for. */
                application?: string | null;
                /**
                 * Format: date-time
                 * @description When it was decided.
                 */
                decided_at?: string | null;
                /** @description By whom. */
                decided_by?: string | null;
                /**
                 * Format: date-time
                 * @description When the time to decide is up.
                 */
                expires_at?: string | null;
                /** @description What is to be decided. */
                message: string;
                /** @description What it means when nobody decides: `reject` or `approve`. */
                on_timeout: string;
                /** @description The workflow's provider. */
                provider: string;
                /** @description Why. */
                reason?: string | null;
                /**
                 * Format: date-time
                 * @description When the step asked.
                 */
                requested_at: string;
                /** @description Who asked for the run. */
                requested_by: string;
                /** @description The resource that it works on. */
                resource?: string | null;
                /** @description Roles that may decide; none: approvers. */
                roles: string[];
                /**
                 * Format: uuid
                 * @description The run.
                 */
                run_id: string;
                /** @description `open`, `approved`, `rejected`, `expired` or `withdrawn`. */
                status: string;
                /** @description The step. */
                step: string;
                /** @description The team whose run it is. */
                team: string;
                /** @description Teams whose people may decide; none: all. */
                teams: string[];
                /** @description The run's workflow. */
                workflow: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_AuditView: {
            /** @description Its items. */
            items: {
                /** @description What: `run.cancel`. */
                action: string;
                /** @description The actor's name. */
                actor: string;
                /**
                 * Format: uuid
                 * @description The actor's id.
                 */
                actor_id?: string | null;
                /** @description `person`, `service_account`, `key`, `guest`, `system` or `unknown`. */
                actor_kind: string;
                /** @description From where. */
                address: string;
                /** @description How it was then, or why it was refused. */
                after?: Record<string, unknown> | null;
                /** @description With what program. */
                agent: string;
                /**
                 * Format: date-time
                 * @description When.
                 */
                at: string;
                /** @description How it was. */
                before?: Record<string, unknown> | null;
                /** @description What was shown: `key/ID` or `session/ID`. */
                credential: string;
                /** @description Its own hash. */
                hash?: string | null;
                /**
                 * Format: int64
                 * @description Its id.
                 */
                id: number;
                /** @description To what: `run/ID`. */
                object: string;
                /** @description `done` or `refused`. */
                outcome: string;
                /** @description The hash of the entry before it. */
                previous?: string | null;
                /** @description The request's id, as in the log. */
                request_id: string;
                /**
                 * Format: int64
                 * @description Its number in the chain; none for a moment, until it is chained.
                 */
                seq?: number | null;
                /** @description The team whose it is. */
                team?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_BatchItemView: {
            /** @description Its items. */
            items: {
                /** @description Its application. */
                application?: string | null;
                /** @description What changes of its params. */
                changes: components["schemas"]["BatchChangeView"][];
                /** @description Why it is as it is. */
                detail?: string | null;
                /** @description Its environment; empty: it has none. */
                environment?: string | null;
                /**
                 * Format: date-time
                 * @description When it was done.
                 */
                finished_at?: string | null;
                /** @description The version that it had. */
                from_version?: string | null;
                /**
                 * Format: int32
                 * @description Its place in the batch, from 1.
                 */
                position: number;
                /** @description Its provider. */
                provider?: string | null;
                /** @description Its name. */
                resource?: string | null;
                /**
                 * Format: uuid
                 * @description The resource.
                 */
                resource_id: string;
                /**
                 * Format: uuid
                 * @description The run that works on it, or did.
                 */
                run_id?: string | null;
                /**
                 * Format: date-time
                 * @description When its run was made, or it was left out.
                 */
                started_at?: string | null;
                /** @description The state that the resource is in now. */
                state?: string | null;
                /**
                 * @description `open`, `running`, `succeeded`, `failed` or `skipped`.
                 * @example open
                 */
                status: string;
                /** @description That application's team. */
                team?: string | null;
                /** @description The version that it gets. */
                to_version?: string | null;
                /** @description Its type. */
                type?: string | null;
                /** @description Where its way back stands; none: it is not taken back. */
                undo?: string | null;
                /** @description Why that is as it is. */
                undo_detail?: string | null;
                /**
                 * Format: uuid
                 * @description The run that takes it back.
                 */
                undo_run_id?: string | null;
                /**
                 * Format: int32
                 * @description The number of its wave, from 1.
                 */
                wave: number;
                /** @description By this workflow. */
                workflow?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_BatchView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description When.
                 */
                approved_at?: string | null;
                /** @description Who approved it. */
                approved_by?: string | null;
                /**
                 * Format: int32
                 * @description Seconds that each wave is watched.
                 */
                bake_s: number;
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description Why it is as it is, for people. */
                detail: string;
                /** @description Hex of the digest of what would be done. */
                digest: string;
                /**
                 * Format: int32
                 * @description How many could not be, or were not well afterwards.
                 */
                failed: number;
                /**
                 * Format: date-time
                 * @description When it was over.
                 */
                finished_at?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * Format: int32
                 * @description On how many a run works, to do it or to take it back.
                 */
                in_flight: number;
                /** @description How many may fail. */
                max_failures: string;
                /**
                 * Format: int32
                 * @description Resources that are worked on at once, at most.
                 */
                max_in_flight: number;
                /** @description What it is called. */
                name: string;
                /**
                 * @description `update`, `reprovision`, `read`, `delete` or `retry`.
                 * @example update
                 */
                operation: string;
                /** @description Params that are set in place of the specs'. */
                params: Record<string, unknown>;
                /** @description The version of their providers that the resources get. */
                provider_version?: string | null;
                /** @description Why, as whoever asked for it says. */
                reason: string;
                /**
                 * Format: int32
                 * @description How many have not begun.
                 */
                remaining: number;
                /** @description Who asked for it. */
                requested_by: string;
                /**
                 * Format: int32
                 * @description How many are as they were again.
                 */
                rolled_back: number;
                /** @description What chose the resources, as it was given. */
                select: string;
                /**
                 * Format: int32
                 * @description How many had nothing to be done, or nothing that may be.
                 */
                skipped: number;
                /**
                 * Format: date-time
                 * @description When its first wave began.
                 */
                started_at?: string | null;
                /**
                 * @description `awaiting_approval`, `approval_void`, `running`, `paused`, `stopped`, `aborted`, `completed`, `rolling_back` or `rolled_back`.
                 * @example running
                 */
                status: string;
                /**
                 * Format: int32
                 * @description How many are done.
                 */
                succeeded: number;
                /** @description Whose resources it is about. */
                teams: string[];
                /**
                 * Format: int32
                 * @description How many resources it is for. Which ones was fixed when it was made.
                 */
                total: number;
                /** @description Whether reads look at each wave. */
                verify: boolean;
                /**
                 * Format: int32
                 * @description The number of the wave whose resources may begin, from 1.
                 */
                wave: number;
                /**
                 * @description How many resources have begun when each wave has.
                 * @example 1,10%,50%,100%
                 */
                waves: string;
                /** @description The minutes in which runs may begin, as cron has them, in UTC. */
                window?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_BulkView: {
            /** @description Its items. */
            items: {
                /**
                 * @description `retry` or `cancel`.
                 * @example retry
                 */
                action: string;
                /**
                 * Format: date-time
                 * @description When it was asked for.
                 */
                created_at: string;
                /**
                 * Format: int32
                 * @description How many are done.
                 */
                done: number;
                /**
                 * Format: int32
                 * @description To how many it could not be done.
                 */
                failed: number;
                /** @description Which runs were chosen, as it was given. */
                filter: Record<string, unknown>;
                /**
                 * Format: date-time
                 * @description When it was over.
                 */
                finished_at?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * Format: int32
                 * @description How many are left; of a stopped one, left undone.
                 */
                remaining: number;
                /** @description Who asked for it. */
                requested_by: string;
                /** @description `running`, `stopped` or `finished`. */
                status: string;
                /**
                 * Format: date-time
                 * @description When it was stopped.
                 */
                stopped_at?: string | null;
                /** @description By whom. */
                stopped_by?: string | null;
                /**
                 * Format: int32
                 * @description How many runs it is for. Which ones was fixed when it was asked for.
                 */
                total: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_DeliveryView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: int32
                 * @description Tries so far.
                 */
                attempts: number;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When it was over.
                 */
                finished_at?: string | null;
                /**
                 * Format: date-time
                 * @description When it is given up.
                 */
                give_up_at: string;
                /**
                 * Format: uuid
                 * @description Its id, which receivers find in `webhook-id`; the same over all tries.
                 */
                id: string;
                /** @description Why the last try did not succeed. */
                last_error?: string | null;
                /**
                 * Format: int32
                 * @description The status of the last answer.
                 */
                last_status?: number | null;
                /**
                 * Format: date-time
                 * @description When the next one is due.
                 */
                next_attempt_at?: string | null;
                /** @description `pending`, `delivered` or `failed`. */
                status: string;
                /** @description The event's name; `webhook.test` for a test. */
                type: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_FreezeView: {
            /** @description Its items. */
            items: {
                /** @description When it begins, again and again: five fields of cron. */
                cron?: string | null;
                /**
                 * Format: int32
                 * @description Seconds that it lasts then.
                 */
                duration_s?: number | null;
                /**
                 * Format: date-time
                 * @description When it is over, once.
                 */
                ends_at?: string | null;
                /** @description The environment that it is about, the label `env` or `environment` of resources, else of applications; null: all. */
                environment?: string | null;
                /**
                 * Format: date-time
                 * @description When they did.
                 */
                made_at: string;
                /** @description Who made it. */
                made_by: string;
                /** @description Its name. */
                name: string;
                /** @description Whether it is on. */
                on: boolean;
                /**
                 * Format: date-time
                 * @description When the time that is on began, or the next one begins.
                 */
                open_from?: string | null;
                /**
                 * Format: date-time
                 * @description When that is over.
                 */
                open_until?: string | null;
                /** @description Why, for whoever wonders. */
                reason: string;
                /**
                 * Format: date-time
                 * @description When it begins, once.
                 */
                starts_at?: string | null;
                /** @description The team whose runs it is about; null: all. */
                team?: string | null;
                /** @description The time zone in which that is meant. */
                time_zone?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_GoldenPathView: {
            /** @description Its items. */
            items: {
                /** @description For people. */
                description?: string | null;
                estimated_duration?: components["schemas"]["PastDurationView"] | null;
                /** @description What kind of golden path it is, in its provider's words. */
                group?: string | null;
                /** @description Its name. */
                name: string;
                /** @description Parameters that may be given. */
                optional: string[];
                /** @description The provider that has it. */
                provider: string;
                /** @description That provider's version. */
                provider_version: string;
                /** @description Parameters that must be given. */
                required: string[];
                /** @description How long it takes in its provider's words. */
                stated_duration?: string | null;
                /** @description Tags. */
                tags: string[];
                /** @description Why it cannot run on this instance, if so. */
                unavailable?: string | null;
                /** @description Its version. */
                version?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_HistoryEntry: {
            /** @description Its items. */
            items: {
                /** @description Who did it. */
                actor: string;
                /**
                 * Format: date-time
                 * @description When.
                 */
                at: string;
                /** @description Anything more. */
                data: Record<string, unknown>;
                /**
                 * Format: uuid
                 * @description The run it happened in.
                 */
                run_id?: string | null;
                /** @description The step it happened in. */
                step?: string | null;
                /** @description What: `resource.active`, `run.failed`, …. */
                type: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_IntegrationView: {
            /** @description Its items. */
            items: {
                /** @description What was wrong with it then. */
                check_error?: string | null;
                /**
                 * Format: date-time
                 * @description When it was tried last; none: it cannot be.
                 */
                checked_at?: string | null;
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description Who stored it first. */
                created_by: string;
                /** @description `git`, `registry`, `aws`, `gcp`, `azure` or `chat`. */
                kind: string;
                /** @description What to call it. */
                name: string;
                /** @description What is no secret about it. */
                settings: Record<string, unknown>;
                /**
                 * Format: date-time
                 * @description When.
                 */
                updated_at: string;
                /** @description Who changed it last. */
                updated_by: string;
                /**
                 * Format: int32
                 * @description Rises with each change.
                 */
                version: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_KeyView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description By whom. */
                created_by?: string | null;
                /**
                 * Format: date-time
                 * @description When it ends by itself.
                 */
                expires_at?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /** @description From where. */
                last_used_address?: string | null;
                /**
                 * Format: date-time
                 * @description When it was used last, to the minute.
                 */
                last_used_at?: string | null;
                /** @description The name it was given. */
                name: string;
                /** @description What its owner is called. */
                owner?: string | null;
                /** @description `person`, `service_account`, or none when it belongs to nobody. */
                owner_kind?: string | null;
                /** @description Its first characters, to recognise it by. */
                prefix: string;
                /**
                 * Format: uuid
                 * @description The key whose place it took.
                 */
                replaces?: string | null;
                /**
                 * Format: date-time
                 * @description Since when it is refused.
                 */
                revoked_at?: string | null;
                /** @description What it may do, within what its owner may; none: all of that. */
                roles?: string[] | null;
                /** @description What it is good for, as `run.read` or `run.*`; none: all that the roles allow. */
                scopes?: string[] | null;
                /** @description The teams it is for, likewise. */
                teams?: string[] | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_LimitView: {
            /** @description Its items. */
            items: {
                /** @description `team`, `type`, `provider`, `queue` or `group`. */
                kind: string;
                /**
                 * Format: date-time
                 * @description When they did.
                 */
                made_at: string;
                /** @description Who made it. */
                made_by: string;
                /**
                 * Format: int32
                 * @description How many runs go at once.
                 */
                most: number;
                /** @description Of which name. */
                name: string;
                /** @description Why, for whoever wonders. */
                reason: string;
                /**
                 * Format: int64
                 * @description How many do now.
                 */
                used: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_MarkView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was, or began.
                 */
                at: string;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /** @description `deploy`, `incident` or `note`. */
                kind: string;
                /** @description Where there is more about it. */
                link?: string | null;
                /**
                 * Format: date-time
                 * @description When they did.
                 */
                made_at: string;
                /** @description Who made the mark. */
                made_by: string;
                /** @description Whose it is; none: everybody's. */
                team?: string | null;
                /** @description What happened. */
                title: string;
                /**
                 * Format: date-time
                 * @description When it was over; none: it is a moment, or goes on.
                 */
                until?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_MessageView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: int32
                 * @description Tries so far.
                 */
                attempts: number;
                /**
                 * Format: int64
                 * @description How many things it tells of.
                 */
                count: number;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When it was over.
                 */
                finished_at?: string | null;
                /**
                 * Format: uuid
                 * @description Its id; the same over all tries.
                 */
                id: string;
                /** @description The first of them. */
                items: Record<string, unknown>[];
                /** @description What the receiver said to the last try. */
                last_answer?: string | null;
                /** @description Why the last try did not succeed. */
                last_error?: string | null;
                /**
                 * Format: date-time
                 * @description When the next one is due.
                 */
                next_attempt_at?: string | null;
                /** @description `pending`, `delivered` or `failed`. */
                status: string;
                /** @description It in one line. */
                subject: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_PersonView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description Since when they are known.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description Since when they are kept out.
                 */
                disabled_at?: string | null;
                /** @description Their address. */
                email?: string | null;
                /**
                 * Format: uuid
                 * @description Their id.
                 */
                id: string;
                /** @description The OpenID provider that vouches for them; none: the file with people does. */
                issuer?: string | null;
                /**
                 * Format: date-time
                 * @description When they logged in last.
                 */
                last_login_at?: string | null;
                /**
                 * Format: date-time
                 * @description When they logged in, or a browser or a key of theirs was used, last, to the minute.
                 */
                last_seen_at?: string | null;
                /** @description What they are called. */
                name: string;
                /** @description What they are trusted with. */
                roles: string[];
                /** @description Their teams. */
                teams: string[];
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_ProviderView: {
            /** @description Its items. */
            items: {
                /** @description Who wrote it. */
                author?: string | null;
                /** @description Free text. */
                category?: string | null;
                /** @description The commit its files are of, when they come from Git. */
                commit?: string | null;
                /** @description Whether it is the version that serves where no application pins another. */
                default: boolean;
                /** @description For people. */
                description?: string | null;
                /** @description SHA-256 of all that it consists of. */
                digest: string;
                /** @description Where to read about it. */
                homepage?: string | null;
                /**
                 * Format: date-time
                 * @description When this version was loaded first.
                 */
                loaded_at: string;
                /** @description Its name. */
                name: string;
                /** @description Resource types it serves, other names too. */
                resource_types: string[];
                /** @description The name of the source it was fetched from; none for a folder of the instance. */
                source?: string | null;
                /** @description Step types it brings. */
                step_types: string[];
                /** @description Tags. */
                tags: string[];
                /** @description Its version. */
                version: string;
                /** @description What its authors should change. */
                warnings: string[];
                /** @description How many workflows it has. */
                workflows: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_QueueView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: int64
                 * @description Runs that wait for a dependency, a delay, a person, their team's quota or the end of a pause.
                 */
                blocked: number;
                /**
                 * Format: int64
                 * @description What an autoscaler should make room for: ready, queued and in flight.
                 */
                demand: number;
                /**
                 * Format: int64
                 * @description Runs that wait for a slot: `ready` and `queued`.
                 */
                depth: number;
                /**
                 * Format: date-time
                 * @description When nothing of it ran any more, since it is drained.
                 */
                drained_at?: string | null;
                /**
                 * Format: double
                 * @description Runs that failed each minute, over the last five.
                 */
                failed_per_minute: number;
                /**
                 * Format: double
                 * @description Runs that ended each minute, over the last five.
                 */
                finished_per_minute: number;
                /**
                 * Format: int64
                 * @description Runs that a worker drives.
                 */
                in_flight: number;
                /** @description Its name. */
                name: string;
                /**
                 * Format: double
                 * @description Seconds that the oldest run has waited for a slot.
                 */
                oldest_age_s?: number | null;
                /**
                 * Format: date-time
                 * @description Since when it is paused.
                 */
                paused_at?: string | null;
                /** @description Who paused it. */
                paused_by?: string | null;
                /** @description Why they did. */
                paused_why?: string | null;
                /**
                 * Format: int32
                 * @description What the priorities of its runs are counted from, when they are made.
                 */
                priority: number;
                /**
                 * Format: int64
                 * @description Runs whose ticket is out and that no worker has claimed yet.
                 */
                queued: number;
                /**
                 * Format: int64
                 * @description Runs that could start now.
                 */
                ready: number;
                run?: components["schemas"]["Durations"] | null;
                /**
                 * Format: int64
                 * @description The slots of those workers.
                 */
                slots: number;
                /** @description `open`; `paused`, nothing of it begins; `draining`, paused while some of it runs; `drained`, and nothing does any more. */
                state: string;
                wait?: components["schemas"]["Durations"] | null;
                /** @description The reason in words. */
                wait_detail?: string | null;
                /** @description What ready runs wait for. */
                wait_reason?: string | null;
                /**
                 * Format: date-time
                 * @description Since when they wait for it.
                 */
                wait_since?: string | null;
                /**
                 * Format: int64
                 * @description Live workers that serve it.
                 */
                workers: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_ResourceUse: {
            /** @description Its items. */
            items: {
                /** @description The application. */
                application: string;
                /** @description The name it uses it by. */
                name: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_ResourceView: {
            /** @description Its items. */
            items: {
                /** @description Whether it should be gone. */
                absent: boolean;
                /** @description Annotations. */
                annotations: Record<string, unknown>;
                /** @description The application it belongs to. */
                application: string;
                /**
                 * Format: uuid
                 * @description That application's id.
                 */
                application_id: string;
                /** @description Its class, when the spec names one. */
                class?: string | null;
                /**
                 * Format: date-time
                 * @description When it was asked for.
                 */
                created_at: string;
                /**
                 * Format: uuid
                 * @description The run that works on it.
                 */
                current_run_id?: string | null;
                /** @description What the last look found to differ from what was made; none: nothing, or nobody looked. */
                drift?: Record<string, unknown> | null;
                /**
                 * Format: date-time
                 * @description Since when it is known to differ.
                 */
                drift_since?: string | null;
                /** @description Why it failed. */
                error_code?: string | null;
                /** @description Why it failed, for people. */
                error_message?: string | null;
                /**
                 * Format: uuid
                 * @description The last run, when it failed and the resource with it.
                 */
                failed_run_id?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /** @description What makes two requests the same resource. */
                identity: string;
                /** @description Labels. */
                labels: Record<string, unknown>;
                /**
                 * Format: uuid
                 * @description The last run that worked on it.
                 */
                last_run_id?: string | null;
                /** @description Its name in its application. */
                name: string;
                /** @description What its provider gave back; sensitive values are `***`. */
                outputs: Record<string, unknown>;
                /** @description As written in the spec. */
                params: Record<string, unknown>;
                /** @description Whether it may not be deleted, by its spec or by a person. */
                protected: boolean;
                /** @description The provider that serves it. */
                provider?: string | null;
                /** @description That provider's version. */
                provider_version?: string | null;
                /**
                 * Format: date-time
                 * @description When it was last looked at.
                 */
                read_at?: string | null;
                /** @description Whether what is asked for, or an output that it names, has changed and it is still to be compared or changed. */
                reconciling: boolean;
                /** @description Names of the sensitive outputs. */
                sensitive_outputs: string[];
                /** @description Whether several applications may use it. */
                shared: boolean;
                /**
                 * @description Where it stands: `requested`, `provisioning`, `active`, `updating`, `degraded`, `failed`, `terminating`, `terminated`.
                 * @example active
                 */
                state: string;
                /**
                 * Format: date-time
                 * @description Since when.
                 */
                state_since: string;
                /**
                 * Format: date-time
                 * @description Since when the state kept for it may be older than what is real: a person must decide.
                 */
                state_uncertain_since?: string | null;
                /** @description What is happening to it, from its run: `pending`, `queued`, `in_progress`, `done`, `error`, `ready`. */
                status: string;
                /** @description Tags that a choice among its provider's workflows goes by. */
                tags: string[];
                /** @description Its type. */
                type: string;
                /**
                 * Format: date-time
                 * @description Since when an update that did not complete may have changed what is there.
                 */
                uncertain_since?: string | null;
                /**
                 * Format: date-time
                 * @description When anything about it changed last.
                 */
                updated_at: string;
                /** @description Why its run does not go on. */
                waiting_reason?: string | null;
                /** @description The workflow that is to serve it, whatever its tags. */
                workflow_override?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_RuleView: {
            /** @description Its items. */
            items: {
                /**
                 * @description How: `email`, `slack` or `webhook`.
                 * @example slack
                 */
                channel: string;
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description Who made it. */
                created_by: string;
                /** @description For people. */
                description: string;
                /**
                 * Format: int32
                 * @description After a message, what happens within so many seconds is told together.
                 */
                digest_s: number;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * Format: date-time
                 * @description When a message was taken last.
                 */
                last_delivered_at?: string | null;
                /** @description Why the last message was not taken, when it was not. */
                last_error?: string | null;
                /** @description What is told of: `failure`, `approval`, `drift`. */
                on: string[];
                /** @description Whose it is: `me`, `team` or `installation`. */
                owner: string;
                /**
                 * Format: date-time
                 * @description Until when they wait, to be told together.
                 */
                quiet_until?: string | null;
                /** @description What messages to a webhook are signed with (Standard Webhooks). Shown when it is made, and never again. */
                secret?: string | null;
                /** @description `active`, `failing` (the last message was not taken) or `paused`. */
                status: string;
                /** @description Where: an address; of a URL no more than its host, for the rest is secret. */
                target: string;
                /** @description The team, when it is one's. */
                team?: string | null;
                /**
                 * Format: date-time
                 * @description When it was changed last.
                 */
                updated_at: string;
                /**
                 * Format: int64
                 * @description Things that happened and are not told yet.
                 */
                waiting: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_RunView: {
            /** @description Its items. */
            items: {
                /** @description That application's name. */
                application?: string | null;
                /**
                 * Format: uuid
                 * @description The application it is for.
                 */
                application_id?: string | null;
                /**
                 * Format: uuid
                 * @description The run of its group that it waits for.
                 */
                blocked_by?: string | null;
                /** @description Why someone did. */
                cancel_reason?: string | null;
                /**
                 * Format: date-time
                 * @description When someone asked for it to stop.
                 */
                cancel_requested_at?: string | null;
                /** @description The group of which one run goes at a time. */
                concurrency_group?: string | null;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When it is failed for taking too long.
                 */
                deadline_at?: string | null;
                /**
                 * Format: double
                 * @description Seconds from its first claim until it was over.
                 */
                duration_s?: number | null;
                /** @description Why it failed: a stable code. */
                error_code?: string | null;
                /** @description Why it failed, for people. */
                error_message?: string | null;
                /**
                 * Format: date-time
                 * @description When it was over.
                 */
                finished_at?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * @description Parameters by name; none while they depend on outputs that are not there yet, and when they may hold secrets
                 *     and `reveal` is not set.
                 */
                inputs?: Record<string, unknown> | null;
                /**
                 * @description `resource`, `golden_path`, `child` or `preview`.
                 * @example resource
                 */
                kind: string;
                /**
                 * Format: int32
                 * @description How many workers it was lost with.
                 */
                losses: number;
                /**
                 * @description `create`, `read`, `update`, `delete` or `execute`.
                 * @example create
                 */
                operation: string;
                /** @description What it gave back; sensitive values are `***`. */
                outputs: Record<string, unknown>;
                /**
                 * Format: uuid
                 * @description The run whose step started this one.
                 */
                parent_run_id?: string | null;
                /**
                 * Format: int32
                 * @description Higher goes first.
                 */
                priority: number;
                /** @description The provider. */
                provider: string;
                /** @description The provider's commit, when it comes from Git. */
                provider_commit?: string | null;
                /** @description That provider's version. */
                provider_version: string;
                /** @description The queue it goes through. */
                queue: string;
                /**
                 * Format: date-time
                 * @description When its ticket was made.
                 */
                queued_at?: string | null;
                /**
                 * @description Why it does not go on: `WaitingForDependency`, `DependencyFailed`, `BackingOff`, `WaitingForApproval`,
                 *     `WaitingForStart`, `WaitingForChild`, `Delayed`, `ConcurrencyGroup`, `NoWorkerForQueue`, `QueueFull`,
                 *     `Fairness`, `QueuePaused`, `QueueLimit`, `TeamQuota`, `TeamLimit`, `TypeLimit`, `ProviderLimit`, `FreezeWindow`, `Promoting`.
                 */
                reason?: string | null;
                /** @description The reason in words. */
                reason_detail?: string | null;
                /** @description Who asked for it. */
                requested_by: string;
                /** @description That resource's name. */
                resource?: string | null;
                /**
                 * Format: uuid
                 * @description The resource it works on.
                 */
                resource_id?: string | null;
                /**
                 * Format: uuid
                 * @description The run that this one goes on from.
                 */
                retry_of?: string | null;
                /**
                 * Format: date-time
                 * @description When a worker first took it.
                 */
                started_at?: string | null;
                /**
                 * @description `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`.
                 * @example running
                 */
                status: string;
                /**
                 * Format: date-time
                 * @description When its wait is over by itself.
                 */
                suspended_until?: string | null;
                /** @description Whose share it uses. */
                team: string;
                /**
                 * Format: date-time
                 * @description Since when it waits.
                 */
                waiting_since?: string | null;
                /**
                 * Format: uuid
                 * @description The worker that drives it.
                 */
                worker_id?: string | null;
                /** @description The workflow. */
                workflow: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_SecretView: {
            /** @description Its items. */
            items: {
                /** @description The application that alone sees it; none: every application of the team. */
                application?: string | null;
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description Who made it. */
                created_by: string;
                /** @description As Score files name it: `${secrets.NAME}`. */
                name: string;
                /** @description Where others keep the value, which is read there each time it is needed; none: it is kept here, sealed. */
                source?: string | null;
                /** @description Whose it is. */
                team: string;
                /**
                 * Format: date-time
                 * @description When.
                 */
                updated_at: string;
                /** @description Who gave the newest value. */
                updated_by: string;
                /**
                 * Format: int32
                 * @description Rises with each value.
                 */
                version: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_SessionView: {
            /** @description Its items. */
            items: {
                /** @description Where it began. */
                address: string;
                /** @description What the browser called itself. */
                agent: string;
                /**
                 * Format: date-time
                 * @description When it began.
                 */
                created_at: string;
                /** @description Whether it is the one that this request was made with. */
                current: boolean;
                /**
                 * Format: date-time
                 * @description When it ends, used or not.
                 */
                expires_at: string;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * Format: date-time
                 * @description When it was used last, to the minute.
                 */
                last_seen_at: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_SourceView: {
            /** @description Its items. */
            items: {
                /** @description The commit that is served. */
                commit?: string | null;
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description Who added it. */
                created_by: string;
                /**
                 * Format: int32
                 * @description Seconds between looks; 0: only when asked.
                 */
                interval_s: number;
                /**
                 * Format: date-time
                 * @description Since when.
                 */
                loaded_at?: string | null;
                /**
                 * Format: date-time
                 * @description When it was last looked at.
                 */
                looked_at?: string | null;
                /** @description Its name. */
                name: string;
                /**
                 * Format: date-time
                 * @description When it is looked at next, unless someone asks before; none when only then.
                 */
                next_look_at?: string | null;
                /** @description `file` when the instance's list says it, which alone may change it; else `api`. */
                origin: string;
                /** @description The folder in the repository; empty for all of it. */
                path: string;
                /** @description Why that is not served. */
                problems: string[];
                /** @description `name@version` of the providers that are served. */
                providers: string[];
                /** @description A tag, a branch or a whole commit. */
                ref: string;
                /** @description The name of its credential in the configuration. */
                secret?: string | null;
                /** @description The commit that the last look found. */
                seen_commit?: string | null;
                /** @description `pending`, `loaded`, `rejected`, `unreachable`, or `removing`. */
                status: string;
                /** @description The repository. */
                url: string;
                /** @description What was left out of it. */
                warnings: string[];
                /** @description Where pushes are announced. */
                webhook: string;
                /** @description The name of its webhook secret in the configuration, when it is not its own. */
                webhook_secret?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_StateView: {
            /** @description Its items. */
            items: {
                /** @description Its application. */
                application: string;
                /**
                 * Format: int32
                 * @description Bytes; 0 when it was removed.
                 */
                bytes: number;
                /** @description What the holder of its lock says about itself. */
                lock?: Record<string, unknown> | null;
                /**
                 * Format: uuid
                 * @description The run that holds its lock.
                 */
                locked_by_run?: string | null;
                /** @description Its name there. */
                name: string;
                /**
                 * Format: uuid
                 * @description The resource.
                 */
                resource_id: string;
                /**
                 * Format: int64
                 * @description The tool's own count.
                 */
                serial: number;
                /** @description Its type. */
                type: string;
                /**
                 * Format: date-time
                 * @description Since when a newer one may be lost: a person must decide.
                 */
                uncertain_since?: string | null;
                /**
                 * Format: int64
                 * @description The latest version.
                 */
                version: number;
                /**
                 * Format: date-time
                 * @description When.
                 */
                written_at: string;
                /** @description Who wrote it. */
                written_by: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_TeamView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was first named.
                 */
                created_at: string;
                /** @description Its name. */
                name: string;
                /** @description What it may use. */
                quotas: components["schemas"]["QuotasView"];
                /**
                 * Format: int32
                 * @description Its share of the slots of a queue, beside those of the other teams that wait: from 1 to 1000. One of weight 3 gets three times
                 *     the slots of one of weight 1.
                 */
                weight: number;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_VersionView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: int32
                 * @description Bytes; 0: the state was removed.
                 */
                bytes: number;
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description The tool's own id of this line of states. */
                lineage: string;
                /** @description MD5 of the content, in hex. */
                md5: string;
                /**
                 * Format: uuid
                 * @description The run that wrote it.
                 */
                run_id?: string | null;
                /**
                 * Format: int64
                 * @description The tool's own count.
                 */
                serial: number;
                /**
                 * Format: int64
                 * @description Rises by one with each write.
                 */
                version: number;
                /** @description Who wrote it. */
                written_by: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_ViewView: {
            /** @description Its items. */
            items: {
                /** @description Who made it. */
                created_by: string;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /** @description What it is called. */
                name: string;
                /** @description The page it is of. */
                page: string;
                /** @description What stands behind the `?` of the page's address. */
                query: string;
                /** @description The team whose it is; none: one's own. */
                team?: string | null;
                /**
                 * Format: date-time
                 * @description When it was changed last.
                 */
                updated_at: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_WebhookView: {
            /** @description Its items. */
            items: {
                /**
                 * Format: date-time
                 * @description When.
                 */
                created_at: string;
                /** @description Who made it. */
                created_by: string;
                /** @description For people. */
                description: string;
                /**
                 * Format: date-time
                 * @description Since when.
                 */
                disabled_at?: string | null;
                /** @description Why it is disabled. */
                disabled_reason?: string | null;
                /** @description Names of events, or `run.*`; none: all. */
                events: string[];
                /**
                 * Format: date-time
                 * @description Since when no delivery has succeeded.
                 */
                failing_since?: string | null;
                /**
                 * Format: uuid
                 * @description Its id.
                 */
                id: string;
                /**
                 * Format: date-time
                 * @description Until when the secret before the present one signs too.
                 */
                previous_secret_until?: string | null;
                /** @description What deliveries are signed with (Standard Webhooks). Shown when it is made, and never again. */
                secret?: string | null;
                /** @description Whether it gets any: `enabled`, `failing` (no delivery has succeeded lately) or `disabled`. */
                status: string;
                /** @description Whose events it gets; none: those of all teams, and the installation's. */
                team?: string | null;
                /**
                 * Format: date-time
                 * @description When it was changed last.
                 */
                updated_at: string;
                /** @description Where they are sent. */
                url: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_WorkerView: {
            /** @description Its items. */
            items: {
                /**
                 * @description What people want of it: `serve`, `cordon` (to take no new runs) or `drain` (to end when it has finished what it has). It hears
                 *     of that within seconds.
                 */
                asked: string;
                /**
                 * Format: date-time
                 * @description When they did.
                 */
                asked_at?: string | null;
                /** @description Who asked for that. */
                asked_by?: string | null;
                /** @description Why, for people. */
                asked_why?: string | null;
                /**
                 * Format: date-time
                 * @description When it was heard of last.
                 */
                heartbeat_at: string;
                /** @description The host it runs on. */
                host: string;
                /**
                 * Format: uuid
                 * @description New at each start of the process.
                 */
                id: string;
                /** @description What its operator tells it apart by, strings by name. */
                labels: Record<string, unknown>;
                /** @description Whether it was heard of lately. */
                live: boolean;
                /** @description Its name. */
                name: string;
                /**
                 * @description What isolation its engine gives, as the engine tells it: `engine`, `engine_id`, `version`, `api`, `system`, `kernel`, `rootless`,
                 *     `user_namespaces`, `seccomp`, `apparmor`, `selinux`, `cgroup_version`, `runtime`, `runtimes`, `limits` (`memory`, `swap`,
                 *     `cpu`, `pids`, `disk`), `live_restore`, `storage`, `images` (`allowed`, `manifests`, `digests`, `pinned`, `pull`), `archive`, and
                 *     `weaknesses`, in words.
                 */
                posture: Record<string, unknown>;
                /** @description The queues it serves. */
                queues: string[];
                /**
                 * Format: int64
                 * @description Late writes refused to it because its lease was gone.
                 */
                refused_writes: number;
                /**
                 * Format: int64
                 * @description Runs it drives now.
                 */
                running: number;
                /**
                 * Format: int32
                 * @description Runs it drives at once.
                 */
                slots: number;
                /**
                 * Format: date-time
                 * @description When it started.
                 */
                started_at: string;
                /** @description What it says that it does: `active`, `draining` or `stopped`. */
                state: string;
                /**
                 * Format: date-time
                 * @description When it stopped.
                 */
                stopped_at?: string | null;
                /** @description The version of Slipway it runs. */
                version: string;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A page of a list, newest first or by name. */
        Page_WorkflowView: {
            /** @description Its items. */
            items: {
                /**
                 * @description `provisioner` serves one resource operation, `goldenpath` is started by a person.
                 * @example provisioner
                 */
                category: string;
                /** @description For people. */
                description?: string | null;
                /** @description Its name. */
                name: string;
                /**
                 * @description The operation it serves.
                 * @example create
                 */
                operation?: string | null;
                /** @description Names of what its runs give back. */
                outputs: string[];
                /** @description What its runs take. */
                parameters: Record<string, unknown>[];
                /** @description Its steps, in order: name, type, what they wait for. */
                steps: components["schemas"]["WorkflowStepView"][];
                /** @description Tags. */
                tags: string[];
                /** @description Why it cannot run on this instance, if so. */
                unavailable?: string | null;
                /** @description Its version. */
                version?: string | null;
            }[];
            /** @description Give this as `cursor` to get the next page; none on the last one. */
            next_cursor?: string | null;
            /** @description Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest. */
            previous_cursor?: string | null;
        };
        /** @description A parameter of a golden path. */
        ParameterView: {
            /** @description Used when it is not given. */
            default?: Record<string, unknown> | null;
            /** @description For people. */
            description?: string | null;
            /** @description The only values allowed. */
            enum?: Record<string, unknown>[] | null;
            /** @description A value that would be taken. */
            example: Record<string, unknown>;
            /** @description What a value must be, in words. */
            expected: string;
            /**
             * Format: double
             * @description The greatest number, or the greatest length of a string or list.
             */
            max?: number | null;
            /**
             * Format: double
             * @description The least number, or the least length of a string or list.
             */
            min?: number | null;
            /** @description Its name. */
            name: string;
            /** @description A regular expression that a string must match somewhere. */
            pattern?: string | null;
            /** @description Whether it must be given. */
            required: boolean;
            /** @description Masked wherever it is shown. */
            sensitive: boolean;
            /** @description `string`, `number`, `boolean`, `map`, `list`, … */
            type: string;
        };
        /** @description How long the log of one attempt is. */
        PartView: {
            /**
             * Format: int32
             * @description The number of the try.
             */
            attempt: number;
            /**
             * Format: int64
             * @description Lines known to be missing.
             */
            gaps: number;
            /**
             * Format: int64
             * @description Lines it has so far.
             */
            lines: number;
            /**
             * Format: date-time
             * @description When it was complete; none: it may grow.
             */
            sealed_at?: string | null;
            /** @description The step's name. */
            step: string;
        };
        /** @description How long runs took before. */
        PastDurationView: {
            /** @description The same in words. */
            basis: string;
            /**
             * Format: double
             * @description The longest of them, in seconds.
             */
            longest_s: number;
            /**
             * Format: int64
             * @description How many runs it is taken from.
             */
            runs: number;
            /**
             * Format: double
             * @description Half of the runs took no longer, in seconds.
             */
            seconds: number;
        };
        /** @description A step of a golden path. */
        PathStepView: {
            /** @description When it runs at all: a CEL expression. */
            condition?: string | null;
            /** @description Steps that are over before it begins. */
            depends_on: string[];
            /** @description Whether it runs at the end, whatever became of the others. */
            finally: boolean;
            /** @description Its name. */
            name: string;
            /** @description Whether it runs once for each element of a list. */
            repeated: boolean;
            /** @description Its step type. */
            type: string;
        };
        /** @description Somebody who is known. */
        PersonView: {
            /**
             * Format: date-time
             * @description Since when they are known.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description Since when they are kept out.
             */
            disabled_at?: string | null;
            /** @description Their address. */
            email?: string | null;
            /**
             * Format: uuid
             * @description Their id.
             */
            id: string;
            /** @description The OpenID provider that vouches for them; none: the file with people does. */
            issuer?: string | null;
            /**
             * Format: date-time
             * @description When they logged in last.
             */
            last_login_at?: string | null;
            /**
             * Format: date-time
             * @description When they logged in, or a browser or a key of theirs was used, last, to the minute.
             */
            last_seen_at?: string | null;
            /** @description What they are called. */
            name: string;
            /** @description What they are trusted with. */
            roles: string[];
            /** @description Their teams. */
            teams: string[];
        };
        /** @description What would be done to a resource. */
        PlanRequest: {
            /**
             * @description `create`, `read`, `update` or `delete`.
             * @example update
             */
            operation: string;
        };
        /** @description What happened in one stretch of time. */
        Point: {
            /**
             * Format: date-time
             * @description When it began.
             */
            at: string;
            /**
             * Format: int64
             * @description Runs that were cancelled.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Runs that completed.
             */
            completed: number;
            /**
             * Format: int64
             * @description Runs that were made.
             */
            created: number;
            /**
             * Format: int64
             * @description Runs that failed.
             */
            failed: number;
            /**
             * Format: int64
             * @description The most runs that were seen queued or running at once.
             */
            in_flight: number;
            run?: components["schemas"]["Durations"] | null;
            wait?: components["schemas"]["Durations"] | null;
            /**
             * Format: int64
             * @description The most runs that were seen to wait for a slot at once.
             */
            waiting: number;
        };
        /** @description What a run would do. */
        PreviewAnswer: {
            /**
             * Format: uuid
             * @description The preview, kept for an hour.
             */
            id: string;
            /**
             * @description `create`, `read`, `update`, `delete` or `execute`.
             * @example execute
             */
            operation: string;
            /** @description Steps in their order, with rendered configuration, image, privileges and condition, and what is unknown until run time. */
            plan: Record<string, unknown>;
            /** @description Its provider. */
            provider: string;
            /** @description That provider's version. */
            provider_version: string;
            /** @description The workflow. */
            workflow: string;
        };
        /** @description What a batch would do. */
        PreviewView: {
            /** @description Where they are: the label `env` or `environment`. */
            by_environment: components["schemas"]["CountedView"][];
            /** @description Whose they are; the 200 largest. */
            by_team: components["schemas"]["CountedView"][];
            /** @description What they are. */
            by_type: components["schemas"]["CountedView"][];
            /** @description What depends on them. */
            dependents: components["schemas"]["DependentsView"];
            /** @description Hex of the digest that an approval is for. */
            digest: string;
            expected?: components["schemas"]["ExpectedView"] | null;
            /** @description The ways in which they would be done, the 50 largest. */
            groups: components["schemas"]["BatchGroupView"][];
            /** @description What would be set. */
            params: components["schemas"]["BatchParamView"][];
            /**
             * Format: int64
             * @description How many are left out because nothing can be done for them.
             */
            problems: number;
            /**
             * Format: int64
             * @description How many resources would be done.
             */
            total: number;
            /** @description Resources of each wave. */
            waves: number[];
        };
        /** @description The body of every answer that is an error, `application/problem+json`. */
        ProblemDetails: Record<string, unknown> & {
            /** @description What went wrong this time, and what to do. */
            detail: string;
            /** @description Each thing that is wrong with the body. */
            errors?: components["schemas"]["InputError"][];
            /** @description To find the request in the logs by; also in `x-request-id`. */
            request_id: string;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The kind of problem in words. */
            title: string;
            /** @description `/problems/<code>`; stable. */
            type: string;
        };
        /** @description How something is protected now. */
        ProtectionAnswer: {
            /** @description For people. */
            message: string;
            /** @description The application. */
            name: string;
            /** @description Whether it may not be deleted now. */
            protected: boolean;
            /** @description The resource, when it is one. */
            resource?: string | null;
        };
        /** @description What is to be protected, or to be so no more. */
        ProtectionRequest: {
            /** @description Whether it may not be deleted. */
            protected: boolean;
            /** @description One resource of the application; without it, the application and all that it has. */
            resource?: string | null;
        };
        /** @description A provider and what it can do for each resource type. */
        ProviderDetail: components["schemas"]["ProviderView"] & {
            /** @description By resource type: which workflow serves which operation. */
            capabilities: Record<string, unknown>;
        };
        /** @description A provider. */
        ProviderView: {
            /** @description Who wrote it. */
            author?: string | null;
            /** @description Free text. */
            category?: string | null;
            /** @description The commit its files are of, when they come from Git. */
            commit?: string | null;
            /** @description Whether it is the version that serves where no application pins another. */
            default: boolean;
            /** @description For people. */
            description?: string | null;
            /** @description SHA-256 of all that it consists of. */
            digest: string;
            /** @description Where to read about it. */
            homepage?: string | null;
            /**
             * Format: date-time
             * @description When this version was loaded first.
             */
            loaded_at: string;
            /** @description Its name. */
            name: string;
            /** @description Resource types it serves, other names too. */
            resource_types: string[];
            /** @description The name of the source it was fetched from; none for a folder of the instance. */
            source?: string | null;
            /** @description Step types it brings. */
            step_types: string[];
            /** @description Tags. */
            tags: string[];
            /** @description Its version. */
            version: string;
            /** @description What its authors should change. */
            warnings: string[];
            /** @description How many workflows it has. */
            workflows: number;
        };
        /** @description What is asked. */
        Question: {
            /** @description `run.cancel`; with an object the verb is enough: `cancel`. */
            action: string;
            /** @description `application/NAME`, `resource/ID`, `run/ID`, `run/ID/STEP` or `team/NAME`; without it: in any team. */
            object?: string | null;
        };
        /** @description What is asked, all at once. */
        Questions: {
            /** @description 50 at most. */
            questions: components["schemas"]["Question"][];
        };
        /** @description One queue, and who waits in it for what. */
        QueueAnswer: components["schemas"]["QueueView"] & {
            /** @description What each team has in it, of those whose runs the caller may read; those first of which most runs wait, 500 at most. */
            teams: components["schemas"]["TeamWaitingView"][];
            /** @description Runs of all teams that are pending or suspended, by reason: the codes that `reason` of a run has. */
            waiting_by_reason: {
                [key: string]: number;
            };
        };
        /** @description What is to be changed of a queue; what is left out stays. */
        QueueChange: {
            /**
             * Format: int32
             * @description What the priorities of its runs are counted from, when they are made: from -100 to 100. A run that asks for no priority
             *     of its own has this one. Those that are made already keep theirs.
             */
            priority?: number | null;
        };
        /** @description The figures of one queue. All come from Postgres, which decides about waiting runs. */
        QueueView: {
            /**
             * Format: int64
             * @description Runs that wait for a dependency, a delay, a person, their team's quota or the end of a pause.
             */
            blocked: number;
            /**
             * Format: int64
             * @description What an autoscaler should make room for: ready, queued and in flight.
             */
            demand: number;
            /**
             * Format: int64
             * @description Runs that wait for a slot: `ready` and `queued`.
             */
            depth: number;
            /**
             * Format: date-time
             * @description When nothing of it ran any more, since it is drained.
             */
            drained_at?: string | null;
            /**
             * Format: double
             * @description Runs that failed each minute, over the last five.
             */
            failed_per_minute: number;
            /**
             * Format: double
             * @description Runs that ended each minute, over the last five.
             */
            finished_per_minute: number;
            /**
             * Format: int64
             * @description Runs that a worker drives.
             */
            in_flight: number;
            /** @description Its name. */
            name: string;
            /**
             * Format: double
             * @description Seconds that the oldest run has waited for a slot.
             */
            oldest_age_s?: number | null;
            /**
             * Format: date-time
             * @description Since when it is paused.
             */
            paused_at?: string | null;
            /** @description Who paused it. */
            paused_by?: string | null;
            /** @description Why they did. */
            paused_why?: string | null;
            /**
             * Format: int32
             * @description What the priorities of its runs are counted from, when they are made.
             */
            priority: number;
            /**
             * Format: int64
             * @description Runs whose ticket is out and that no worker has claimed yet.
             */
            queued: number;
            /**
             * Format: int64
             * @description Runs that could start now.
             */
            ready: number;
            run?: components["schemas"]["Durations"] | null;
            /**
             * Format: int64
             * @description The slots of those workers.
             */
            slots: number;
            /** @description `open`; `paused`, nothing of it begins; `draining`, paused while some of it runs; `drained`, and nothing does any more. */
            state: string;
            wait?: components["schemas"]["Durations"] | null;
            /** @description The reason in words. */
            wait_detail?: string | null;
            /** @description What ready runs wait for. */
            wait_reason?: string | null;
            /**
             * Format: date-time
             * @description Since when they wait for it.
             */
            wait_since?: string | null;
            /**
             * Format: int64
             * @description Live workers that serve it.
             */
            workers: number;
        };
        /** @description What a team may use. What is null or missing is not bounded. */
        QuotasView: {
            /**
             * Format: int64
             * @description Minutes of processor that steps are given in a calendar month (UTC). Runs wait for the next month then.
             * @default null
             */
            cpu_minutes: number | null;
            /**
             * Format: int64
             * @description Bytes of log that steps write in a calendar month (UTC). Likewise.
             * @default null
             */
            log_bytes: number | null;
            /**
             * @description By type: resources that are not gone. A submission that asks for more is refused.
             * @default {}
             */
            resources: {
                [key: string]: number;
            };
            /**
             * Format: int32
             * @description Runs that are queued or run at once. One beyond it waits with the reason `TeamQuota`.
             * @default null
             */
            runs: number | null;
            /**
             * Format: int64
             * @description Bytes kept: workspaces that runs may go on from, finished logs, states. Runs wait until less is kept.
             * @default null
             */
            storage_bytes: number | null;
        };
        /** @description Whether the service can do its work, and what stands in the way. */
        Readiness: {
            /** @description What works less well than it should: without Redis, live logs come by polling. */
            degraded: string[];
            /** @description Why it is not ready. */
            problem?: string | null;
            /** @description Whether requests can be answered. */
            ready: boolean;
        };
        /** @description A rerun that was accepted. */
        RerunAccepted: {
            /**
             * Format: uuid
             * @description The new run.
             */
            id: string;
            /**
             * Format: uuid
             * @description The run whose workflow and inputs it has.
             */
            rerun_of: string;
        };
        /** @description Inputs to run with. */
        RerunRequest: {
            /** @description They take the place of the old run's inputs of these names; null takes one back to its default. */
            inputs?: Record<string, unknown>;
        };
        /** @description A resource as it was. */
        ResourceAt: {
            /** @description Its application. */
            application: string;
            /** @description What that generation asked of it, as written. */
            asked?: Record<string, unknown> | null;
            /**
             * Format: date-time
             * @description The moment.
             */
            at: string;
            /**
             * Format: int32
             * @description The generation of its application that was in force.
             */
            generation?: number | null;
            /**
             * Format: uuid
             * @description The resource.
             */
            id: string;
            /**
             * Format: uuid
             * @description The run that worked on it at that moment.
             */
            live_run?: string | null;
            /**
             * Format: uuid
             * @description The last run that had completed; none when it was pruned since.
             */
            made_by?: string | null;
            /** @description Its name. */
            name: string;
            /** @description What that run gave back; sensitive values are `***`. */
            outputs?: Record<string, unknown> | null;
            /** @description The provider of the last run that had completed. */
            provider?: string | null;
            /** @description That provider's version. */
            provider_version?: string | null;
            /** @description Where it stood; none: nothing was recorded of it by then. */
            state?: string | null;
            /** @description Why, when it had failed or was degraded. */
            state_data?: Record<string, unknown> | null;
            /**
             * Format: date-time
             * @description Since when.
             */
            state_since?: string | null;
            /** @description Its type. */
            type: string;
        };
        /** @description A resource with all there is to know about it. */
        ResourceDetail: components["schemas"]["ResourceView"] & {
            /** @description The same, as the last create or update that completed saw them: what is really there. */
            applied_params?: Record<string, unknown> | null;
            /** @description Resources whose outputs it names. */
            depends_on: string[];
            /** @description The last hundred things that happened to it, newest first; `/api/resources/{id}/history` has all. */
            history: components["schemas"]["HistoryEntry"][];
            /** @description Params with placeholders filled in, as the last run saw them. */
            resolved_params?: Record<string, unknown> | null;
            /** @description Applications that use it, the oldest first, at most a hundred. */
            used_by: components["schemas"]["ResourceUse"][];
            /** @description Give this as `cursor` to `/api/resources/{id}/users` to get those after them; none when these are all. */
            used_by_cursor?: string | null;
        };
        /** @description What a request to try again was answered with. */
        ResourceRetry: {
            /**
             * Format: uuid
             * @description The resource.
             */
            id: string;
            /** @description What happens now. */
            message: string;
        };
        /** @description Who uses a shared resource. */
        ResourceUse: {
            /** @description The application. */
            application: string;
            /** @description The name it uses it by. */
            name: string;
        };
        /** @description A resource. */
        ResourceView: {
            /** @description Whether it should be gone. */
            absent: boolean;
            /** @description Annotations. */
            annotations: Record<string, unknown>;
            /** @description The application it belongs to. */
            application: string;
            /**
             * Format: uuid
             * @description That application's id.
             */
            application_id: string;
            /** @description Its class, when the spec names one. */
            class?: string | null;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created_at: string;
            /**
             * Format: uuid
             * @description The run that works on it.
             */
            current_run_id?: string | null;
            /** @description What the last look found to differ from what was made; none: nothing, or nobody looked. */
            drift?: Record<string, unknown> | null;
            /**
             * Format: date-time
             * @description Since when it is known to differ.
             */
            drift_since?: string | null;
            /** @description Why it failed. */
            error_code?: string | null;
            /** @description Why it failed, for people. */
            error_message?: string | null;
            /**
             * Format: uuid
             * @description The last run, when it failed and the resource with it.
             */
            failed_run_id?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description What makes two requests the same resource. */
            identity: string;
            /** @description Labels. */
            labels: Record<string, unknown>;
            /**
             * Format: uuid
             * @description The last run that worked on it.
             */
            last_run_id?: string | null;
            /** @description Its name in its application. */
            name: string;
            /** @description What its provider gave back; sensitive values are `***`. */
            outputs: Record<string, unknown>;
            /** @description As written in the spec. */
            params: Record<string, unknown>;
            /** @description Whether it may not be deleted, by its spec or by a person. */
            protected: boolean;
            /** @description The provider that serves it. */
            provider?: string | null;
            /** @description That provider's version. */
            provider_version?: string | null;
            /**
             * Format: date-time
             * @description When it was last looked at.
             */
            read_at?: string | null;
            /** @description Whether what is asked for, or an output that it names, has changed and it is still to be compared or changed. */
            reconciling: boolean;
            /** @description Names of the sensitive outputs. */
            sensitive_outputs: string[];
            /** @description Whether several applications may use it. */
            shared: boolean;
            /**
             * @description Where it stands: `requested`, `provisioning`, `active`, `updating`, `degraded`, `failed`, `terminating`, `terminated`.
             * @example active
             */
            state: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            state_since: string;
            /**
             * Format: date-time
             * @description Since when the state kept for it may be older than what is real: a person must decide.
             */
            state_uncertain_since?: string | null;
            /** @description What is happening to it, from its run: `pending`, `queued`, `in_progress`, `done`, `error`, `ready`. */
            status: string;
            /** @description Tags that a choice among its provider's workflows goes by. */
            tags: string[];
            /** @description Its type. */
            type: string;
            /**
             * Format: date-time
             * @description Since when an update that did not complete may have changed what is there.
             */
            uncertain_since?: string | null;
            /**
             * Format: date-time
             * @description When anything about it changed last.
             */
            updated_at: string;
            /** @description Why its run does not go on. */
            waiting_reason?: string | null;
            /** @description The workflow that is to serve it, whatever its tags. */
            workflow_override?: string | null;
        };
        /** @description How it goes on. */
        ResumeRequest: {
            /** @description How many may fail from now on, a number or a percentage; as before when nothing is said. */
            max_failures?: string | null;
        };
        /** @description A retry that was accepted. */
        RetryAccepted: {
            /**
             * Format: uuid
             * @description The new run.
             */
            id: string;
            /** @description What to know about the files that its steps find. */
            note?: string | null;
            /**
             * Format: uuid
             * @description The run it goes on from.
             */
            retry_of: string;
        };
        /** @description Where to begin again. */
        RetryRequest: {
            /** @description This step and all that come after it run again; without it, what had not completed. */
            from_step?: string | null;
        };
        /** @description Where to go back to. */
        RollbackRequest: {
            /**
             * Format: int32
             * @description The number of the generation whose content comes back; without it, the one before the latest.
             */
            generation?: number | null;
        };
        /** @description How a secret is changed. */
        RotateRequest: {
            /**
             * Format: int32
             * @description Hours for which the secret before signs too; 24 when nothing is said, 0 when it has leaked.
             */
            overlap_hours?: number | null;
        };
        /** @description What a rotation has come to. */
        Rotation: {
            /**
             * Format: int64
             * @description Keys that another key than the current one still wraps: ask again until there are none.
             */
            left: number;
            /** @description The same for people. */
            message: string;
            /**
             * Format: int64
             * @description Keys that this request wrapped anew.
             */
            rewrapped: number;
        };
        /** @description How a key is to be rotated. */
        RotationRequest: {
            /** @description How long the old key works beside the new one, as `24h`; without it, a day. 0: not at all. */
            overlap?: unknown;
        };
        /** @description What is to be changed of a rule; what is left out stays. */
        RuleChange: {
            /** @description For people. */
            description?: string | null;
            /**
             * Format: int32
             * @description After a message, what happens within so many seconds is told together.
             */
            digest_s?: number | null;
            /** @description What is told of. */
            on?: string[] | null;
            /** @description Whether nothing is told for now. When it goes on, it begins with what happens from then on. */
            paused?: boolean | null;
        };
        /** @description A rule to be made. */
        RuleRequest: {
            /** @description How: `email`, `slack` or `webhook`. */
            channel: string;
            /** @description For people. */
            description?: string;
            /**
             * Format: int32
             * @description After a message, what happens within so many seconds is told together; 0: everything is told at once.
             */
            digest_s?: number | null;
            /** @description What is told of: `failure`, `approval`, `drift`; all of them when nothing is said. */
            on?: string[];
            /** @description Where: an address, or a URL. Without one, by `email` to one's own address. */
            target?: string | null;
            /** @description Whose things, for rules of teams; the caller's only team when nothing is said. Who may do so in all teams gets those of all. */
            team?: string | null;
        };
        /** @description A rule: what is told of, and where. */
        RuleView: {
            /**
             * @description How: `email`, `slack` or `webhook`.
             * @example slack
             */
            channel: string;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description Who made it. */
            created_by: string;
            /** @description For people. */
            description: string;
            /**
             * Format: int32
             * @description After a message, what happens within so many seconds is told together.
             */
            digest_s: number;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: date-time
             * @description When a message was taken last.
             */
            last_delivered_at?: string | null;
            /** @description Why the last message was not taken, when it was not. */
            last_error?: string | null;
            /** @description What is told of: `failure`, `approval`, `drift`. */
            on: string[];
            /** @description Whose it is: `me`, `team` or `installation`. */
            owner: string;
            /**
             * Format: date-time
             * @description Until when they wait, to be told together.
             */
            quiet_until?: string | null;
            /** @description What messages to a webhook are signed with (Standard Webhooks). Shown when it is made, and never again. */
            secret?: string | null;
            /** @description `active`, `failing` (the last message was not taken) or `paused`. */
            status: string;
            /** @description Where: an address; of a URL no more than its host, for the rest is secret. */
            target: string;
            /** @description The team, when it is one's. */
            team?: string | null;
            /**
             * Format: date-time
             * @description When it was changed last.
             */
            updated_at: string;
            /**
             * Format: int64
             * @description Things that happened and are not told yet.
             */
            waiting: number;
        };
        /** @description A run that was accepted. */
        RunAccepted: {
            /**
             * Format: uuid
             * @description The new run.
             */
            id: string;
            /**
             * Format: uuid
             * @description The run it goes on from.
             */
            retry_of?: string | null;
        };
        /** @description A run with its steps and history. */
        RunDetail: components["schemas"]["RunView"] & {
            /** @description The last hundred things that happened to it, newest first. */
            history: components["schemas"]["HistoryEntry"][];
            /** @description Its steps, in the order of the workflow. */
            steps: components["schemas"]["StepView"][];
        };
        /** @description Which runs. What is not set does not restrict. */
        RunFilter: {
            /** @description For the application of this name. */
            application?: string | null;
            /** @description Failed with this code. */
            error_code?: string | null;
            /** @description `resource`, `golden_path`, `child` or `preview`; without it, all but previews. */
            kind?: string | null;
            /** @description `create`, `read`, `update`, `delete` or `execute`. */
            operation?: string | null;
            /**
             * Format: uuid
             * @description Started by a step of the run of this id.
             */
            parent?: string | null;
            /** @description Whose id, workflow, application or resource begins so. */
            prefix?: string | null;
            /** @description Of the provider of this name. */
            provider?: string | null;
            /** @description In the queue of this name. */
            queue?: string | null;
            /** @description Asked for by whoever is called so. */
            requested_by?: string | null;
            /**
             * Format: uuid
             * @description On the resource of this id.
             */
            resource?: string | null;
            /**
             * Format: date-time
             * @description Made then or later, as `2026-11-21T14:05:00Z`.
             */
            since?: string | null;
            /** @description `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`; several, separated by commas. */
            status?: string | null;
            /** @description Of the team of this name. */
            team?: string | null;
            /**
             * Format: date-time
             * @description Made before.
             */
            until?: string | null;
            /** @description Of the workflow of this name. */
            workflow?: string | null;
        };
        /** @description What to start a golden path with. */
        RunRequest: {
            /** @description Shows what would be run, and runs nothing. */
            dry_run?: boolean;
            /** @description Values for its parameters. */
            inputs?: Record<string, unknown>;
            /**
             * Format: int32
             * @description Higher goes first, from -100 to 100.
             */
            priority?: number;
            /** @description Its provider, or `NAME@VERSION`; needed only when several have a golden path of that name. */
            provider?: string | null;
            /** @description The queue it goes through; `default` when nothing is said. */
            queue?: string | null;
            /** @description The team whose share it uses; `default` when nothing is said. */
            team?: string | null;
        };
        /** @description A run. */
        RunView: {
            /** @description That application's name. */
            application?: string | null;
            /**
             * Format: uuid
             * @description The application it is for.
             */
            application_id?: string | null;
            /**
             * Format: uuid
             * @description The run of its group that it waits for.
             */
            blocked_by?: string | null;
            /** @description Why someone did. */
            cancel_reason?: string | null;
            /**
             * Format: date-time
             * @description When someone asked for it to stop.
             */
            cancel_requested_at?: string | null;
            /** @description The group of which one run goes at a time. */
            concurrency_group?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it is failed for taking too long.
             */
            deadline_at?: string | null;
            /**
             * Format: double
             * @description Seconds from its first claim until it was over.
             */
            duration_s?: number | null;
            /** @description Why it failed: a stable code. */
            error_code?: string | null;
            /** @description Why it failed, for people. */
            error_message?: string | null;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * @description Parameters by name; none while they depend on outputs that are not there yet, and when they may hold secrets
             *     and `reveal` is not set.
             */
            inputs?: Record<string, unknown> | null;
            /**
             * @description `resource`, `golden_path`, `child` or `preview`.
             * @example resource
             */
            kind: string;
            /**
             * Format: int32
             * @description How many workers it was lost with.
             */
            losses: number;
            /**
             * @description `create`, `read`, `update`, `delete` or `execute`.
             * @example create
             */
            operation: string;
            /** @description What it gave back; sensitive values are `***`. */
            outputs: Record<string, unknown>;
            /**
             * Format: uuid
             * @description The run whose step started this one.
             */
            parent_run_id?: string | null;
            /**
             * Format: int32
             * @description Higher goes first.
             */
            priority: number;
            /** @description The provider. */
            provider: string;
            /** @description The provider's commit, when it comes from Git. */
            provider_commit?: string | null;
            /** @description That provider's version. */
            provider_version: string;
            /** @description The queue it goes through. */
            queue: string;
            /**
             * Format: date-time
             * @description When its ticket was made.
             */
            queued_at?: string | null;
            /**
             * @description Why it does not go on: `WaitingForDependency`, `DependencyFailed`, `BackingOff`, `WaitingForApproval`,
             *     `WaitingForStart`, `WaitingForChild`, `Delayed`, `ConcurrencyGroup`, `NoWorkerForQueue`, `QueueFull`,
             *     `Fairness`, `QueuePaused`, `QueueLimit`, `TeamQuota`, `TeamLimit`, `TypeLimit`, `ProviderLimit`, `FreezeWindow`, `Promoting`.
             */
            reason?: string | null;
            /** @description The reason in words. */
            reason_detail?: string | null;
            /** @description Who asked for it. */
            requested_by: string;
            /** @description That resource's name. */
            resource?: string | null;
            /**
             * Format: uuid
             * @description The resource it works on.
             */
            resource_id?: string | null;
            /**
             * Format: uuid
             * @description The run that this one goes on from.
             */
            retry_of?: string | null;
            /**
             * Format: date-time
             * @description When a worker first took it.
             */
            started_at?: string | null;
            /**
             * @description `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`.
             * @example running
             */
            status: string;
            /**
             * Format: date-time
             * @description When its wait is over by itself.
             */
            suspended_until?: string | null;
            /** @description Whose share it uses. */
            team: string;
            /**
             * Format: date-time
             * @description Since when it waits.
             */
            waiting_since?: string | null;
            /**
             * Format: uuid
             * @description The worker that drives it.
             */
            worker_id?: string | null;
            /** @description The workflow. */
            workflow: string;
        };
        /** @description The data of a `seal` event: that attempt's log is complete. */
        SealView: {
            /**
             * Format: int32
             * @description The number of the try.
             */
            attempt: number;
            /**
             * Format: int64
             * @description Lines known to be missing.
             */
            gaps: number;
            /**
             * Format: int64
             * @description Lines it has.
             */
            lines: number;
            /** @description The step's name. */
            step: string;
        };
        /** @description What was found. */
        SearchResult: {
            /** @description Whether the search came to the end of what is written by now. */
            complete: boolean;
            /**
             * Format: int64
             * @description Lines that match, told or not, from `from` up to where the search came.
             */
            count: number;
            /** @description The first matches from `from` on, in order. */
            matches: components["schemas"]["MatchView"][];
            /**
             * Format: int64
             * @description Give it as `from` to get the matches that follow those told; none: there are none.
             */
            next?: number | null;
            /**
             * Format: int64
             * @description Give it as `from`, and add up the counts, when the search is not complete.
             */
            resume?: number | null;
        };
        /** @description What became of a secret. */
        SecretAnswer: {
            /** @description The same for people. */
            message: string;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Resources that name it and are compared with what they were made with.
             */
            resources: number;
            /**
             * Format: int32
             * @description Its version now; none: it is gone.
             */
            version?: number | null;
        };
        /** @description A key that wraps secrets. */
        SecretKeyView: {
            /** @description Whether `secrets.keys` has it. What a missing one wraps cannot be opened. */
            configured: boolean;
            /** @description Whether it wraps what is new. */
            current: boolean;
            /** @description Its id in `secrets.keys`. */
            id: string;
            /**
             * Format: int64
             * @description How many keys it wraps.
             */
            wraps: number;
        };
        /** @description A secret. Its value is shown to nobody. */
        SecretView: {
            /** @description The application that alone sees it; none: every application of the team. */
            application?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description Who made it. */
            created_by: string;
            /** @description As Score files name it: `${secrets.NAME}`. */
            name: string;
            /** @description Where others keep the value, which is read there each time it is needed; none: it is kept here, sealed. */
            source?: string | null;
            /** @description Whose it is. */
            team: string;
            /**
             * Format: date-time
             * @description When.
             */
            updated_at: string;
            /** @description Who gave the newest value. */
            updated_by: string;
            /**
             * Format: int32
             * @description Rises with each value.
             */
            version: number;
        };
        /** @description A login of a browser. */
        SessionView: {
            /** @description Where it began. */
            address: string;
            /** @description What the browser called itself. */
            agent: string;
            /**
             * Format: date-time
             * @description When it began.
             */
            created_at: string;
            /** @description Whether it is the one that this request was made with. */
            current: boolean;
            /**
             * Format: date-time
             * @description When it ends, used or not.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was used last, to the minute.
             */
            last_seen_at: string;
        };
        /** @description A message of the log's WebSocket. */
        SocketMessage: {
            /** @description The lines. */
            lines: components["schemas"]["LineView"][];
            /** @enum {string} */
            type: "lines";
        } | (components["schemas"]["SealView"] & {
            /** @enum {string} */
            type: "seal";
        }) | (components["schemas"]["EndView"] & {
            /** @enum {string} */
            type: "end";
        }) | {
            /**
             * Format: date-time
             * @description When it was sent.
             */
            at: string;
            /** @enum {string} */
            type: "heartbeat";
        };
        /** @description A source to add, or to change. */
        SourceRequest: {
            /**
             * Format: int32
             * @description Seconds between looks; the instance's own when nothing is said, 0 for only when asked.
             */
            interval_s?: number | null;
            /** @description Of lower-case letters, digits and `-`; that of the folder or the repository when nothing is said. */
            name?: string | null;
            /** @description The folder in the repository that is, or holds, the providers. */
            path?: string | null;
            /** @description A tag, a branch or a whole commit. */
            ref: string;
            /** @description The name of a credential in `git.credentials` of the configuration. */
            secret?: string | null;
            /** @description `https://`, `ssh://` or `file://`, without credentials. */
            url: string;
            /** @description The name of a secret in `git.webhook_secrets` of the configuration; the source's own name when nothing is said. */
            webhook_secret?: string | null;
        };
        /** @description A source that providers are fetched from. */
        SourceView: {
            /** @description The commit that is served. */
            commit?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description Who added it. */
            created_by: string;
            /**
             * Format: int32
             * @description Seconds between looks; 0: only when asked.
             */
            interval_s: number;
            /**
             * Format: date-time
             * @description Since when.
             */
            loaded_at?: string | null;
            /**
             * Format: date-time
             * @description When it was last looked at.
             */
            looked_at?: string | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: date-time
             * @description When it is looked at next, unless someone asks before; none when only then.
             */
            next_look_at?: string | null;
            /** @description `file` when the instance's list says it, which alone may change it; else `api`. */
            origin: string;
            /** @description The folder in the repository; empty for all of it. */
            path: string;
            /** @description Why that is not served. */
            problems: string[];
            /** @description `name@version` of the providers that are served. */
            providers: string[];
            /** @description A tag, a branch or a whole commit. */
            ref: string;
            /** @description The name of its credential in the configuration. */
            secret?: string | null;
            /** @description The commit that the last look found. */
            seen_commit?: string | null;
            /** @description `pending`, `loaded`, `rejected`, `unreachable`, or `removing`. */
            status: string;
            /** @description The repository. */
            url: string;
            /** @description What was left out of it. */
            warnings: string[];
            /** @description Where pushes are announced. */
            webhook: string;
            /** @description The name of its webhook secret in the configuration, when it is not its own. */
            webhook_secret?: string | null;
        };
        /** @description One wave, and how its resources stand. */
        StageView: {
            /**
             * Format: date-time
             * @description Until when it is watched.
             */
            bake_until?: string | null;
            /**
             * Format: date-time
             * @description When the last of its resources was done.
             */
            ended_at?: string | null;
            /**
             * Format: int64
             * @description How many could not be.
             */
            failed: number;
            /**
             * Format: int64
             * @description On how many a run works.
             */
            in_flight: number;
            /**
             * Format: int32
             * @description Its number, from 1.
             */
            number: number;
            /**
             * Format: int64
             * @description How many have not begun.
             */
            open: number;
            /**
             * Format: date-time
             * @description When it was found to be well.
             */
            passed_at?: string | null;
            /**
             * Format: int64
             * @description How many had nothing to be done.
             */
            skipped: number;
            /**
             * Format: date-time
             * @description When it began.
             */
            started_at?: string | null;
            /**
             * Format: int64
             * @description How many are done.
             */
            succeeded: number;
            /**
             * Format: int32
             * @description How many resources it has.
             */
            total: number;
        };
        /** @description What was done to a state. */
        StateAnswer: {
            /** @description For people. */
            message: string;
        };
        /** @description Which version. */
        StateRollbackRequest: {
            /**
             * Format: int64
             * @description Its number.
             */
            version: number;
        };
        /** @description A state that a step type keeps for a resource. */
        StateView: {
            /** @description Its application. */
            application: string;
            /**
             * Format: int32
             * @description Bytes; 0 when it was removed.
             */
            bytes: number;
            /** @description What the holder of its lock says about itself. */
            lock?: Record<string, unknown> | null;
            /**
             * Format: uuid
             * @description The run that holds its lock.
             */
            locked_by_run?: string | null;
            /** @description Its name there. */
            name: string;
            /**
             * Format: uuid
             * @description The resource.
             */
            resource_id: string;
            /**
             * Format: int64
             * @description The tool's own count.
             */
            serial: number;
            /** @description Its type. */
            type: string;
            /**
             * Format: date-time
             * @description Since when a newer one may be lost: a person must decide.
             */
            uncertain_since?: string | null;
            /**
             * Format: int64
             * @description The latest version.
             */
            version: number;
            /**
             * Format: date-time
             * @description When.
             */
            written_at: string;
            /** @description Who wrote it. */
            written_by: string;
        };
        /** @description What a step may do beyond what every step may. */
        StepPrivileges: {
            /**
             * Format: int32
             * @description Thousandths of a processor; 0: what every step may use.
             */
            cpu_millis: number;
            /** @description Addresses it may reach, `host:port`, as the workflow has them. */
            egress: string[];
            /**
             * Format: int32
             * @description MiB of memory; 0: what every step may use.
             */
            memory_mib: number;
            /**
             * @description Whom it may talk to: `none`, `internal` (the other steps of its run) or `egress` (the addresses below).
             * @example none
             */
            network: string;
            /** @description Whether it may write outside `/workspace`, `/tmp` and `/run/slipway`. */
            writable_root: boolean;
        };
        /** @description One step of a run. */
        StepView: {
            /** @description Its tries, lost ones too. */
            attempts: components["schemas"]["AttemptView"][];
            /**
             * @description What it is given: its configuration as the workflow has it. What is known only when it runs is a template in it;
             *     values of secrets are in none.
             */
            config: Record<string, unknown>;
            /**
             * Format: double
             * @description Seconds it took, over all attempts and the waits between them.
             */
            duration_s?: number | null;
            /** @description Why it failed: a stable code. */
            error_code?: string | null;
            /** @description Why it failed, for people. */
            error_message?: string | null;
            /**
             * Format: int32
             * @description The exit code of its last attempt.
             */
            exit_code?: number | null;
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at?: string | null;
            /**
             * Format: int32
             * @description Which element of the loop it is, from 0.
             */
            index?: number | null;
            /** @description Whether its outcome was inherited from the run that this one retries. */
            inherited: boolean;
            /** @description Its name. */
            name: string;
            /**
             * Format: date-time
             * @description When it is tried again at the earliest.
             */
            not_before?: string | null;
            /** @description What it gave back; sensitive values are `***`. */
            outputs: Record<string, unknown>;
            /** @description The loop that it is an element of. */
            parent?: string | null;
            /** @description What it may do beyond what every step may. */
            privileges: components["schemas"]["StepPrivileges"];
            /** @description The secrets that reach it, by name. */
            secrets: string[];
            /**
             * Format: date-time
             * @description When its first attempt began.
             */
            started_at?: string | null;
            /**
             * @description `pending`, `running`, `waiting`, `completed`, `failed`, `skipped` or `cancelled`.
             * @example completed
             */
            status: string;
            /** @description Its step type. */
            type: string;
            wait?: components["schemas"]["WaitView"] | null;
        };
        /** @description How a stream of the record to somewhere else stands. */
        StreamView: {
            /** @description Why the last try failed. */
            error?: string | null;
            /**
             * Format: date-time
             * @description Since when none succeeds.
             */
            failing_since?: string | null;
            /** @description `webhook` or `syslog`. */
            name: string;
            /**
             * Format: date-time
             * @description When the last was.
             */
            sent_at?: string | null;
            /**
             * Format: int64
             * @description Every entry up to this number was taken.
             */
            seq: number;
        };
        /** @description What became of a submission. */
        SubmissionAnswer: {
            /** @description The application. */
            application: components["schemas"]["ApplicationView"];
            /** @description What it changes. */
            changes: components["schemas"]["ChangesView"];
            /** @description Those that failed, when the same content was submitted again. */
            failed: components["schemas"]["FailedResource"][];
            /**
             * Format: int32
             * @description The generation that this submission is.
             */
            generation: number;
            /** @description What happens now, for people. */
            message: string;
            /** @description What else is to be known, as that its containers are recorded and not run. */
            notes: string[];
            /** @description The resources of the application. */
            resources: components["schemas"]["ResourceView"][];
            /** @description Whether the content is that of the latest generation, so that nothing was changed. */
            unchanged: boolean;
            /** @description What compatibility mode had to say. */
            warnings: Record<string, unknown>[];
        };
        /** @description A team and what it uses. */
        TeamAnswer: components["schemas"]["TeamView"] & {
            /** @description What it uses. */
            used: components["schemas"]["UsageView"];
        };
        /** @description What is to be changed of a team. */
        TeamChange: {
            /**
             * Format: int32
             * @description Its share of the slots of a queue, beside those of the other teams that wait: from 1 to 1000.
             */
            weight: number;
        };
        /** @description A team. */
        TeamView: {
            /**
             * Format: date-time
             * @description When it was first named.
             */
            created_at: string;
            /** @description Its name. */
            name: string;
            /** @description What it may use. */
            quotas: components["schemas"]["QuotasView"];
            /**
             * Format: int32
             * @description Its share of the slots of a queue, beside those of the other teams that wait: from 1 to 1000. One of weight 3 gets three times
             *     the slots of one of weight 1.
             */
            weight: number;
        };
        /** @description What a team has in a queue. */
        TeamWaitingView: {
            /** @description The waiting ones by reason. */
            by_reason: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Its runs that are queued or running.
             */
            in_flight: number;
            /** @description The team. */
            team: string;
            /**
             * Format: int64
             * @description Its runs that are pending or suspended.
             */
            waiting: number;
        };
        /** @description One try of a delivery. */
        TryView: {
            /** @description The address that was spoken to. */
            address?: string | null;
            /**
             * Format: date-time
             * @description When it was over.
             */
            at: string;
            /**
             * Format: int32
             * @description How long it took.
             */
            duration_ms: number;
            /** @description Why it did not succeed. */
            error?: string | null;
            /**
             * Format: int32
             * @description Which, from 1.
             */
            number: number;
            /** @description What was sent, without the signature. */
            request_headers: Record<string, unknown>;
            /** @description The first 4 KiB of its body. */
            response_body?: string | null;
            /** @description Its headers. */
            response_headers?: Record<string, unknown> | null;
            /**
             * Format: int32
             * @description The status of the answer.
             */
            response_status?: number | null;
        };
        /** @description How long an application lives now. */
        TtlAnswer: {
            /**
             * Format: date-time
             * @description When it will be deleted by itself.
             */
            expires_at?: string | null;
            /** @description For people. */
            message: string;
            /** @description The application. */
            name: string;
        };
        /** @description How long an application is to live. */
        TtlRequest: {
            /** @description From now on, as `8h`; null: until it is deleted. */
            ttl?: string | null;
        };
        /** @description What a team uses now. What steps took and what is kept is added up within seconds. */
        UsageView: {
            /**
             * Format: int64
             * @description Minutes of processor that its steps were given this month (UTC).
             */
            cpu_minutes: number;
            /**
             * Format: int64
             * @description Those of finished logs.
             */
            kept_log_bytes: number;
            /**
             * Format: int64
             * @description Bytes of log that its steps wrote this month.
             */
            log_bytes: number;
            /**
             * Format: date-time
             * @description When the month is over, and both begin at 0 again.
             */
            month_ends_at: string;
            /**
             * Format: int64
             * @description Runs that could start, and wait for a slot or for the team's quota.
             */
            ready: number;
            /** @description By type: resources that are not gone, of its applications. */
            resources: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Runs that are queued or run.
             */
            runs: number;
            /**
             * Format: int64
             * @description Those of states.
             */
            state_bytes: number;
            /**
             * Format: int64
             * @description Bytes kept.
             */
            storage_bytes: number;
            /** @description Why ready runs of its wait for its own quota, when they do. */
            waits_for?: string | null;
            /**
             * Format: int64
             * @description Those of workspaces that runs may go on from.
             */
            workspace_bytes: number;
        };
        /** @description One version of a state. */
        VersionView: {
            /**
             * Format: int32
             * @description Bytes; 0: the state was removed.
             */
            bytes: number;
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description The tool's own id of this line of states. */
            lineage: string;
            /** @description MD5 of the content, in hex. */
            md5: string;
            /**
             * Format: uuid
             * @description The run that wrote it.
             */
            run_id?: string | null;
            /**
             * Format: int64
             * @description The tool's own count.
             */
            serial: number;
            /**
             * Format: int64
             * @description Rises by one with each write.
             */
            version: number;
            /** @description Who wrote it. */
            written_by: string;
        };
        /** @description A view. */
        ViewView: {
            /** @description Who made it. */
            created_by: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description What it is called. */
            name: string;
            /** @description The page it is of. */
            page: string;
            /** @description What stands behind the `?` of the page's address. */
            query: string;
            /** @description The team whose it is; none: one's own. */
            team?: string | null;
            /**
             * Format: date-time
             * @description When it was changed last.
             */
            updated_at: string;
        };
        /** @description What a step waits for, or waited for. */
        WaitView: {
            /** @description The application that the step asked for. */
            application?: string | null;
            /** @description Who decided, or let the step begin. */
            by?: string | null;
            /** @description `approved`, `rejected`, `expired` or `withdrawn`; none while nothing is decided. */
            decision?: string | null;
            /** @description `approval`, `start`, `delay`, `child` or `resources`. */
            kind: string;
            /** @description The question, when a person decides. */
            message?: string | null;
            /** @description Why it was decided so. */
            reason?: string | null;
            /** @description Roles that may decide; none: approvers. */
            roles?: string[] | null;
            /**
             * Format: uuid
             * @description The run that the step started.
             */
            run_id?: string | null;
            /** @description Teams whose people may decide; none: all. */
            teams?: string[] | null;
            /**
             * Format: date-time
             * @description When the wait is over by itself.
             */
            until?: string | null;
        };
        /** @description What is to be changed of an endpoint; what is left out stays. */
        WebhookChange: {
            /** @description For people. */
            description?: string | null;
            /** @description Whether it gets anything. One that is enabled again gets what happens from then on. */
            enabled?: boolean | null;
            /** @description Names of events; an empty list for all. */
            events?: string[] | null;
            /** @description Where events are sent. */
            url?: string | null;
        };
        /** @description An endpoint to be made. */
        WebhookRequest: {
            /** @description For people. */
            description?: string;
            /** @description Names of events as `run.completed`, or of all about a noun as `run.*`; all when nothing is said. */
            events?: string[];
            /** @description Whose events; the caller's only team when nothing is said. Who may do so in all teams gets those of all. */
            team?: string | null;
            /** @description Where events are sent: `https://…`, without a user name or password. */
            url: string;
        };
        /** @description Where events are sent to. */
        WebhookView: {
            /**
             * Format: date-time
             * @description When.
             */
            created_at: string;
            /** @description Who made it. */
            created_by: string;
            /** @description For people. */
            description: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            disabled_at?: string | null;
            /** @description Why it is disabled. */
            disabled_reason?: string | null;
            /** @description Names of events, or `run.*`; none: all. */
            events: string[];
            /**
             * Format: date-time
             * @description Since when no delivery has succeeded.
             */
            failing_since?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: date-time
             * @description Until when the secret before the present one signs too.
             */
            previous_secret_until?: string | null;
            /** @description What deliveries are signed with (Standard Webhooks). Shown when it is made, and never again. */
            secret?: string | null;
            /** @description Whether it gets any: `enabled`, `failing` (no delivery has succeeded lately) or `disabled`. */
            status: string;
            /** @description Whose events it gets; none: those of all teams, and the installation's. */
            team?: string | null;
            /**
             * Format: date-time
             * @description When it was changed last.
             */
            updated_at: string;
            /** @description Where they are sent. */
            url: string;
        };
        /** @description Who asks, and with what. */
        Whoami: {
            /** @description What was shown. */
            credential: components["schemas"]["CredentialView"];
            /**
             * Format: uuid
             * @description Their id; none for a guest.
             */
            id?: string | null;
            /** @description `person`, `service_account`, `key` or `guest`. */
            kind: string;
            /** @description What they are called. */
            name: string;
            /** @description What they are trusted with, now. */
            roles: string[];
            /** @description What the credential is good for; none: for all that the roles allow. */
            scopes?: string[] | null;
            /** @description Their teams, now. */
            teams: string[];
        };
        /** @description Why, for whoever wonders. */
        WhyRequest: {
            /**
             * @description In words, 500 characters at most.
             * @default
             */
            reason: string;
        };
        /** @description A worker and what it does. */
        WorkerView: {
            /**
             * @description What people want of it: `serve`, `cordon` (to take no new runs) or `drain` (to end when it has finished what it has). It hears
             *     of that within seconds.
             */
            asked: string;
            /**
             * Format: date-time
             * @description When they did.
             */
            asked_at?: string | null;
            /** @description Who asked for that. */
            asked_by?: string | null;
            /** @description Why, for people. */
            asked_why?: string | null;
            /**
             * Format: date-time
             * @description When it was heard of last.
             */
            heartbeat_at: string;
            /** @description The host it runs on. */
            host: string;
            /**
             * Format: uuid
             * @description New at each start of the process.
             */
            id: string;
            /** @description What its operator tells it apart by, strings by name. */
            labels: Record<string, unknown>;
            /** @description Whether it was heard of lately. */
            live: boolean;
            /** @description Its name. */
            name: string;
            /**
             * @description What isolation its engine gives, as the engine tells it: `engine`, `engine_id`, `version`, `api`, `system`, `kernel`, `rootless`,
             *     `user_namespaces`, `seccomp`, `apparmor`, `selinux`, `cgroup_version`, `runtime`, `runtimes`, `limits` (`memory`, `swap`,
             *     `cpu`, `pids`, `disk`), `live_restore`, `storage`, `images` (`allowed`, `manifests`, `digests`, `pinned`, `pull`), `archive`, and
             *     `weaknesses`, in words.
             */
            posture: Record<string, unknown>;
            /** @description The queues it serves. */
            queues: string[];
            /**
             * Format: int64
             * @description Late writes refused to it because its lease was gone.
             */
            refused_writes: number;
            /**
             * Format: int64
             * @description Runs it drives now.
             */
            running: number;
            /**
             * Format: int32
             * @description Runs it drives at once.
             */
            slots: number;
            /**
             * Format: date-time
             * @description When it started.
             */
            started_at: string;
            /** @description What it says that it does: `active`, `draining` or `stopped`. */
            state: string;
            /**
             * Format: date-time
             * @description When it stopped.
             */
            stopped_at?: string | null;
            /** @description The version of Slipway it runs. */
            version: string;
        };
        /** @description The workers that have not stopped. */
        WorkersView: {
            /**
             * Format: int64
             * @description Runs that workers drive.
             */
            busy: number;
            /**
             * Format: int64
             * @description Those that are to take no new runs for now.
             */
            cordoned: number;
            /**
             * Format: int64
             * @description Those that end when they have finished what they have.
             */
            draining: number;
            /**
             * Format: int64
             * @description Those that were not heard of lately.
             */
            gone: number;
            /**
             * Format: int64
             * @description Those that take runs.
             */
            serving: number;
            /**
             * Format: int64
             * @description Slots of those that take runs.
             */
            slots: number;
        };
        /** @description A step of a workflow. */
        WorkflowStepView: {
            /** @description Steps that are over before it begins. */
            depends_on: string[];
            /** @description Its name. */
            name: string;
            /** @description Its step type. */
            type: string;
        };
        /** @description A workflow of a provider. */
        WorkflowView: {
            /**
             * @description `provisioner` serves one resource operation, `goldenpath` is started by a person.
             * @example provisioner
             */
            category: string;
            /** @description For people. */
            description?: string | null;
            /** @description Its name. */
            name: string;
            /**
             * @description The operation it serves.
             * @example create
             */
            operation?: string | null;
            /** @description Names of what its runs give back. */
            outputs: string[];
            /** @description What its runs take. */
            parameters: Record<string, unknown>[];
            /** @description Its steps, in order: name, type, what they wait for. */
            steps: components["schemas"]["WorkflowStepView"][];
            /** @description Tags. */
            tags: string[];
            /** @description Why it cannot run on this instance, if so. */
            unavailable?: string | null;
            /** @description Its version. */
            version?: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, unknown>;
export type operations = Record<string, unknown>;
