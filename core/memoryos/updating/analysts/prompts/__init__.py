"""What models are asked, one file per task. Pure: text in, messages out."""
