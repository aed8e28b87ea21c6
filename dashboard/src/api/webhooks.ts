import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged } from './paged';

export type Webhook = Schema<'WebhookView'>;
export type Delivery = Schema<'DeliveryView'>;

/** Where events are sent, newest first. */
export const webhookList = paged<Webhook>(['webhooks', 'list'], (at, signal) =>
  answered(api.GET('/api/webhooks', { params: { query: at }, signal })),
);

/** What was sent there, newest first. */
export const deliveries = (id: string) =>
  paged<Delivery>(['webhooks', 'deliveries', id], (at, signal) =>
    answered(api.GET('/api/webhooks/{id}/deliveries', { params: { path: { id }, query: at }, signal })),
  );

/** One delivery, with what was sent and what came back each time. */
export const delivery = (id: string, number: string) =>
  queryOptions({
    queryKey: ['webhooks', 'delivery', id, number],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/webhooks/{id}/deliveries/{delivery}', { params: { path: { id, delivery: number } }, signal }),
      ),
  });

/** Its secret is in the answer and nowhere else. */
export function makeWebhook(body: Schema<'WebhookRequest'>) {
  return answered(api.POST('/api/webhooks', { body }));
}

export function changeWebhook(id: string, body: Schema<'WebhookChange'>) {
  return answered(api.PATCH('/api/webhooks/{id}', { params: { path: { id } }, body }));
}

export function removeWebhook(id: string) {
  return answered(api.DELETE('/api/webhooks/{id}', { params: { path: { id } } }));
}

export function rotateWebhook(id: string) {
  return answered(api.POST('/api/webhooks/{id}/rotate', { params: { path: { id } } }));
}

export function testWebhook(id: string) {
  return answered(api.POST('/api/webhooks/{id}/test', { params: { path: { id } } }));
}

export function redeliver({ id, number }: { id: string; number: string }) {
  return answered(
    api.POST('/api/webhooks/{id}/deliveries/{delivery}/redeliver', { params: { path: { id, delivery: number } } }),
  );
}
