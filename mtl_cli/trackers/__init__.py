"""Services that show runs beside each other: one module each, named by `tracker=`."""
