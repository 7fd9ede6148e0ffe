def write_report(store, run):
    return store.run_folder(run.id) / "report.html"
