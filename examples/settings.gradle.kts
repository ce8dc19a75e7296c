rootProject.name = "panaformer-example"
