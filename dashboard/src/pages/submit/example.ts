/** A file that can be submitted as it is, where a provider serves Postgres. */
export const EXAMPLE = `apiVersion: score.dev/v1b1
metadata:
  name: hello
containers:
  web:
    image: nginx:1.27
    variables:
      DATABASE_URL: \${resources.db.uri}
service:
  ports:
    http:
      port: 8080
      targetPort: 80
resources:
  db:
    type: postgres
`;
