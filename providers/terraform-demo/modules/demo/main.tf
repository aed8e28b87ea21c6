variable "label" {
  type        = string
  description = "A word that is kept in the state."
}

variable "items" {
  type        = number
  default     = 1
  description = "How many entries are made."
}

variable "hold_seconds" {
  type        = number
  default     = 0
  description = "Seconds that making the last entry takes: time to watch, or to kill, an apply."
}

resource "terraform_data" "item" {
  count = var.items
  input = "${var.label}-${count.index}"
}

resource "terraform_data" "hold" {
  input            = var.hold_seconds
  triggers_replace = [var.label]
  depends_on       = [terraform_data.item]

  provisioner "local-exec" {
    command = "sleep ${floor(var.hold_seconds)}"
  }
}

output "id" {
  value = terraform_data.hold.id
}

output "items" {
  value = terraform_data.item[*].output
}

output "token" {
  value     = "${var.label}:${terraform_data.hold.id}"
  sensitive = true
}
