"""HTML pages: templates, one stylesheet, and charts as SVG."""
