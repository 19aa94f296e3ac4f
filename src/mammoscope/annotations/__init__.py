"""What is known of annotated images: the one table, adapters that read it, splits by patient."""
